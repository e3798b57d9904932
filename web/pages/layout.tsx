/** The page's frame: head, scripts, and the header with the choice of product and window size. */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { Selection, WindowSize } from "../model/selection.ts";
import type { View } from "../model/view.ts";

/** The address of a static file by its plain name. */
export type Address = (name: string) => string;

export function Layout({ title, assets, children }: { title: string; assets: Address; children?: Child }) {
  return (
    <html lang="en">
      <Head title={title} assets={assets}>
        <meta
          name="htmx-config"
          content='{"includeIndicatorCSS":false,"history":false,"morphIgnore":["data-htmx-powered","open"]}'
        />
        <link rel="stylesheet" href={assets("uPlot.min.css")} />
        {/* Not deferred: then htmx 4.0.1 waits for DOMContentLoaded and finds its extension. */}
        <script src={assets("htmx.min.js")} />
        <script src={assets("hx-sse.min.js")} />
        <script src={assets("uPlot.iife.min.js")} defer />
        <script src={assets("chart-layout.js")} defer />
        <script src={assets("charts.js")} defer />
        <script src={assets("app.js")} defer />
      </Head>
      <body>{children}</body>
    </html>
  );
}

/** What every page's head has, and `children`. */
export function Head({ title, assets, children }: { title: string; assets: Address; children?: Child }) {
  return (
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <title>{title}</title>
      <link rel="icon" href={assets("icon.svg")} />
      <link rel="stylesheet" href={assets("style.css")} />
      <script src={assets("theme.js")} />
      {children}
    </head>
  );
}

/** The selection as a query string: the address is the page's state. */
export function queryOf({ product, size }: Selection): string {
  return `product=${encodeURIComponent(product)}&window=${size.name}`;
}

/** The name, which leads to the page. */
export function Brand() {
  return (
    <a class="brand" href="/">
      <svg viewBox="0 0 32 20" width="32" height="20" aria-hidden="true">
        <path d="M1 13c4-8 8-8 10 0s6 8 10 0 6-8 10-6" />
        <path class="second" d="M1 17h30" />
      </svg>
      Tidemark
    </a>
  );
}

/** Name, LIVE or REPLAY, and links to the other products and window sizes. */
export function Header({ view: { selection, choice, status } }: { view: View }) {
  const href = (product: string, size: WindowSize) => `/?${queryOf({ product, size })}`;
  return (
    <header class="top">
      <Brand />
      <Mode mode={status.mode} />
      <nav aria-label="Product">
        {choice.products.map((product) => (
          <a href={href(product, selection.size)} aria-current={product === selection.product ? "page" : undefined}>
            {product}
          </a>
        ))}
      </nav>
      {choice.sizes.length > 1 && (
        <nav aria-label="Window size">
          {choice.sizes.map((size) => (
            <a href={href(selection.product, size)} aria-current={size.us === selection.size.us ? "page" : undefined}>
              {size.name}
            </a>
          ))}
        </nav>
      )}
      <button type="button" id="theme" aria-label="Light or dark" title="Light or dark (t)">
        ◐
      </button>
    </header>
  );
}

function Mode({ mode }: { mode: View["status"]["mode"] }) {
  if (mode === "replay")
    return (
      <span class="mode replay" title="A recording is played through the same path; nothing here is live">
        REPLAY
      </span>
    );
  if (mode === "live") return <span class="mode live">LIVE</span>;
  return <span class="mode">NO DATA YET</span>;
}
