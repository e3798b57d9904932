/** The page's frame: head, scripts by their hashed names, the header with its choices. */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { Asset } from "../http/assets.ts";
import { sizeName, type View } from "../model/view.ts";

export function Layout({ title, assets, children }: { title: string; assets: Asset; children?: Child }) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta
          name="htmx-config"
          content='{"includeIndicatorCSS":false,"history":false,"morphIgnore":["data-htmx-powered","open"]}'
        />
        <title>{title}</title>
        <link rel="icon" href={assets("icon.svg")} />
        <link rel="stylesheet" href={assets("uPlot.min.css")} />
        <link rel="stylesheet" href={assets("style.css")} />
        <script src={assets("theme.js")} />
        {/* Not deferred: then htmx 4.0.1 waits for DOMContentLoaded, when its extension and our listeners are there. */}
        <script src={assets("htmx.min.js")} />
        <script src={assets("hx-sse.min.js")} />
        <script src={assets("uPlot.iife.min.js")} defer />
        <script src={assets("chart-layout.js")} defer />
        <script src={assets("charts.js")} defer />
        <script src={assets("app.js")} defer />
      </head>
      <body>{children}</body>
    </html>
  );
}

/** Name, LIVE or REPLAY, product and window size as links: the address is the state. */
export function Header({ view: { selection, choice, status } }: { view: View }) {
  const href = (product: string, size_us: number) =>
    `/?product=${encodeURIComponent(product)}&window=${sizeName(size_us)}`;
  return (
    <header class="top">
      <a class="brand" href="/">
        <svg viewBox="0 0 32 20" width="32" height="20" aria-hidden="true">
          <path d="M1 13c4-8 8-8 10 0s6 8 10 0 6-8 10-6" />
          <path class="second" d="M1 17h30" />
        </svg>
        Tidemark
      </a>
      <Mode mode={status.mode} />
      <nav aria-label="Product">
        {choice.products.map((product) => (
          <a href={href(product, selection.size_us)} aria-current={product === selection.product ? "page" : undefined}>
            {product}
          </a>
        ))}
      </nav>
      {choice.sizes_us.length > 1 && (
        <nav aria-label="Window size">
          {choice.sizes_us.map((size_us) => (
            <a
              href={href(selection.product, size_us)}
              aria-current={size_us === selection.size_us ? "page" : undefined}
            >
              {sizeName(size_us)}
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

export function Mode({ mode }: { mode: View["status"]["mode"] }) {
  if (mode === "replay")
    return (
      <span class="mode replay" title="A recording is played through the very same path; nothing here is live">
        REPLAY
      </span>
    );
  if (mode === "live") return <span class="mode live">LIVE</span>;
  return <span class="mode">NO DATA YET</span>;
}
