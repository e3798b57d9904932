/** The page's frame: head, scripts, and the header in which one chooses what is shown. */
/** @jsxImportSource hono/jsx */
import { raw } from "hono/html";
import type { Child } from "hono/jsx";
import {
  type PageAddress,
  queryOfPage,
  RANGES,
  type RangeName,
  ZONE_FIRST,
} from "../../scripts/contract/page-address.ts";
import { secondOf } from "../model/moments.ts";
import type { View } from "../model/view.ts";

/** Static files by their plain name, and what is a part of each page. */
export interface StaticFiles {
  address(name: string): string;
  readonly styles: string;
  /** A script. */
  readonly firstPaint: string;
}

interface Frame {
  title: string;
  assets: StaticFiles;
  /** What the page shows; the browser's programs find it in the body's data. */
  address?: PageAddress;
  /** Of the last event that it needs no more. */
  id?: string;
  /** The page's own script. */
  script?: string;
  children?: Child;
}

export function Layout({ title, assets, address, id, script = "main.js", children }: Frame) {
  return (
    <html lang="en" data-view={address?.view ?? undefined}>
      <Head title={title} assets={assets}>
        <script type="module" src={assets.address(script)} />
      </Head>
      <body
        data-product={address?.product}
        data-window={address?.window}
        data-id={id}
        data-worker={assets.address("tab-worker.js")}
      >
        <Skip />
        {children}
      </body>
    </html>
  );
}

/** What every page's head has, and `children`. */
export function Head({ title, assets, children }: { title: string; assets: StaticFiles; children?: Child }) {
  return (
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <title>{title}</title>
      <link rel="icon" id="icon" href={assets.address("icon.svg")} data-href={assets.address("icon-stale.svg")} />
      <style>{raw(assets.styles)}</style>
      <script>{raw(assets.firstPaint)}</script>
      <meta
        name="htmx-config"
        content='{"includeIndicatorCSS":false,"history":false,"morphIgnore":["data-htmx-powered","open"],"morphSkipChildren":".chart,#main-chart,#age-chart"}'
      />
      {children}
    </head>
  );
}

/** When the page's figures were read; its program reads them again and writes it. */
function AsOf() {
  return <span id="heard">as of {secondOf().slice(11, 19)} UTC</span>;
}

/** The HTML of a page that was made before, and whose figures are still the newest. */
export function asOfNow(html: string): string {
  return html.replace(/<span id="heard">[^<]*<\/span>/, () => String(<AsOf />));
}

/** The name, which leads to the page. */
function Brand() {
  return (
    <a class="brand" href="/">
      <svg viewBox="0 0 32 20" width="32" height="20" aria-hidden="true">
        <path d="M1 13c4-8 8-8 10 0s6 8 10 0 6-8 10-6" />
        <path class="second" d="M1 17h30" />
      </svg>
      <span class="word">Tidemark</span>
    </a>
  );
}

/** What feeds the data directory; `speed`: that of a replay, if it has one. */
export interface FeedKind {
  mode: View["status"]["mode"];
  speed: number | null;
}

interface PlainHeaderProps {
  /** The id of the element that the skip link leads to. */
  main?: string;
  /** Whether it states when the page was read. */
  isDated?: boolean;
  /** A page with figures has one: those of a replay are never shown without its sign. */
  kind?: FeedKind;
  children?: Child;
}

/** The header of every page but the first: `children` are links. */
export function PlainHeader({ main = "main", isDated = false, kind, children }: PlainHeaderProps) {
  return (
    <>
      <Skip main={main} />
      <header class="top">
        <Brand />
        {kind?.mode === "replay" && <Replay speed={kind.speed} />}
        {children}
        <p class="end">
          {isDated && <AsOf />}
          <Buttons />
        </p>
      </header>
    </>
  );
}

function Skip({ main = "main" }: { main?: string }) {
  return (
    <a class="skip" href={`#${main}`}>
      Skip to the content
    </a>
  );
}

function Buttons() {
  return (
    <>
      <button type="button" id="theme" aria-label="Colours: auto" title="Light, dark or as the system has it (t)">
        auto
      </button>
      <button type="button" id="help" title="Keys (?)" aria-label="Keys">
        ?
      </button>
    </>
  );
}

/** Name, LIVE or REPLAY, what is shown, how new it is, and how it is shown. */
export function Header({ view: { choice, status }, address }: { view: View; address: PageAddress }) {
  const ranges = Object.keys(RANGES) as RangeName[];
  return (
    <header class="top" id="top">
      <Brand />
      <Mode status={status} />
      <Choices of="product" label="Product" values={choice.products} address={address} />
      <Choices of="window" label="Window size" values={choice.sizes.map(({ name }) => name)} address={address} />
      <Choices of="range" label="Span of time" values={ranges} address={address} />
      <button type="button" id="pause" aria-pressed={address.pause ? "true" : "false"} title="Stop and resume (p)">
        ❚❚ <span class="word">pause</span>
      </button>
      <p class="end">
        <span id="heard">as of {status.as_of.slice(11, 19)} UTC</span>
        <ZoneChoice zone={address.zone} />
        <Buttons />
      </p>
      <p id="announcer" class="unseen" role="status" />
    </header>
  );
}

/** Links, and the same as a list for narrow screens. */
function Choices({ of, label, values, address }: ChoicesProps) {
  const isFixed = of === "range" && address.from !== null;
  const isCurrent = (value: string) => !isFixed && value === address[of];
  const fixed = of === "range" ? { from: null, to: null } : {};
  if (values.length < 2) return <span class="only">{values[0]}</span>;
  // Products are as many as the feed has: on an ordinary screen their links would take a second row.
  const kind = values.length > LINKS_MAX ? "choices many" : of === "product" ? "choices some" : "choices";
  return (
    <>
      <nav aria-label={label} class={kind}>
        {values.map((value) => (
          <a
            href={`/${queryOfPage({ ...address, ...fixed, [of]: value })}`}
            data-set={of}
            data-value={value}
            aria-current={isCurrent(value) ? "true" : undefined}
          >
            {value}
          </a>
        ))}
      </nav>
      <select data-set={of} aria-label={label} class={kind}>
        {of === "range" && (
          <option value="" selected={isFixed} hidden>
            fixed
          </option>
        )}
        {values.map((value) => (
          <option value={value} selected={isCurrent(value)}>
            {value}
          </option>
        ))}
      </select>
    </>
  );
}

interface ChoicesProps {
  of: "product" | "window" | "range";
  label: string;
  values: string[];
  address: PageAddress;
}

/** More values than this are a list on every screen. */
const LINKS_MAX = 5;

/** The browser adds its own zone and, when the list is opened, all others. */
function ZoneChoice({ zone }: { zone: string }) {
  return (
    <select id="zone" aria-label="Time zone">
      {[...new Set([ZONE_FIRST, zone])].map((name) => (
        <option value={name} selected={name === zone}>
          {name}
        </option>
      ))}
    </select>
  );
}

function Mode({ status: { mode, feed, watermarks } }: { status: View["status"] }) {
  if (mode === "replay") {
    const newest = watermarks[0]?.newest_event_time;
    const day = newest ? ` · ${newest.slice(0, 10)}` : "";
    return <Replay speed={feed?.replay?.speed ?? null} day={day} />;
  }
  return (
    <span id="mode" class={mode === "live" ? "mode live" : "mode"}>
      {mode === "live" ? "LIVE" : "NO DATA YET"}
    </span>
  );
}

/** A replay has a sign of its own: an outline and a play sign, no colour that the batch has. */
function Replay({ speed, day = "" }: { speed: number | null; day?: string }) {
  return (
    <span id="mode" class="mode replay" title="A recording is played through the same path; nothing here is live">
      ▶ REPLAY{speed ? ` ×${speed}` : ""}
      <span class="day">{day}</span>
    </span>
  );
}
