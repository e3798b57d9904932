/** The five tiles: a question, both pipelines' figures as bars on one scale, and one ratio in words. */
/** @jsxImportSource hono/jsx */
import type { Measure } from "../model/figures.ts";
import { type Tile, type TileSide, tileOf } from "../model/tiles.ts";
import type { View } from "../model/view.ts";
import { bytes, duration, exact, percent, round, times } from "./format.ts";
import { Term } from "./term.tsx";

interface Words {
  question: string;
  /** What is measured, and the measure whose definition explains it. */
  measure: string;
  defined_by: string;
  figure(value: number): string;
  /** What else a side has to say. */
  more(more: TileSide["more"]): string;
  /** A ratio ends so: "stream 640 times …". */
  better: string;
}

const WORDS: Record<Tile["name"], Words> = {
  soon: {
    question: "How soon?",
    measure: "latency, median",
    defined_by: "pipeline latency",
    figure: duration,
    more: ({ p99_ms }) => (p99_ms === undefined ? "" : `p99 ${duration(p99_ms)}`),
    better: "sooner",
  },
  fresh: {
    question: "How fresh?",
    measure: "age of the answer, mean",
    defined_by: "age",
    figure: duration,
    more: ({ max_ms, p90_ms }) =>
      max_ms !== undefined ? `up to ${duration(max_ms)}` : p90_ms === undefined ? "" : `p90 ${duration(p90_ms)}`,
    better: "fresher",
  },
  complete: {
    question: "How complete?",
    measure: "ticks in the answer",
    defined_by: "completeness",
    figure: percent,
    more: ({ ticks, lacking }) => (ticks === undefined || lacking === undefined ? "" : `of ${exact(ticks + lacking)}`),
    better: "",
  },
  costly: {
    question: "How costly?",
    measure: "CPU per million ticks",
    defined_by: "cost",
    figure: (value) => `${exact(round(value, value < 100 ? 1 : 0))} s`,
    // Proportional memory is not known of a run: one measure for both.
    more: ({ peak_rss_bytes }) => (peak_rss_bytes === undefined ? "" : `${bytes(peak_rss_bytes)} resident`),
    better: "cheaper",
  },
};

/** One tile as a part of the page. */
export function FigureTile({ view, name }: { view: Pick<View, "measures" | "ended">; name: Tile["name"] }) {
  const { measures, ended } = view;
  const tile = tileOf(measures, name, ended !== null);
  return <TileBox tile={tile} definition={definitionOf(measures, name)} ended={ended} />;
}

function definitionOf(measures: readonly Measure[], name: Tile["name"]): string {
  const { defined_by } = WORDS[name];
  return measures.find(({ word }) => word.startsWith(`${defined_by},`))?.definition ?? "";
}

function TileBox({ tile, definition, ended }: { tile: Tile; definition: string; ended: string | null }) {
  const { name, stream, batch, scale } = tile;
  const { question, measure } = WORDS[name];
  return (
    <article class="tile" id={`tile-${name}`}>
      <h2>
        {question}{" "}
        <small>
          <Term id={name} explain={definition}>
            {measure}
          </Term>
        </small>
      </h2>
      <Side name="stream" side={stream} scale={scale} tile={tile} />
      <Side name="batch" side={batch} scale={scale} tile={tile} />
      <p class="ratio">{ratioText(tile)}</p>
      <p class="span dotted">
        <span>{ended === null ? tile.span : `ended at ${ended.slice(11, 19)}`}</span>
        <span>{name === "costly" ? "this machine" : tile.clock}</span>
      </p>
    </article>
  );
}

function Side({ name, side, scale, tile }: { name: "stream" | "batch"; side: TileSide; scale: number; tile: Tile }) {
  const { figure, more } = WORDS[tile.name];
  if (side.value === null)
    return (
      <p class={`side ${name} missing`}>
        <b>
          <span class="unseen">{name}: </span>–
        </b>{" "}
        <span class="reason">{side.reason}</span>
      </p>
    );
  return (
    <p class={`side ${name}`}>
      <b>
        <span class="unseen">{name}: </span>
        {figure(side.value)}
      </b>{" "}
      <small>
        {unbroken(perfectText(name, tile) || more(side.more))}
        {closedText(name, tile)}
      </small>
      <Bar share={scale === 0 ? 0 : side.value / scale} />
    </p>
  );
}

/** On a phone a line may end between words, not before a unit. */
function unbroken(text: string): string {
  return text.replace(/(?<=\d) (?=[a-z])/gi, "\u00a0");
}

/** Beside the stream's age: that of an answer with every tick at its receipt, the market's own silence. */
function perfectText(name: "stream" | "batch", tile: Tile): string {
  const perfect_ms = tile.stream.more.perfect_mean_ms;
  return tile.name !== "fresh" || name !== "stream" || perfect_ms === undefined
    ? ""
    : `perfect ${duration(perfect_ms)}`;
}

/** Beside the stream's ticks: those of closed windows, while the batch has counted others too. */
function closedText(name: "stream" | "batch", { name: tile, stream, batch }: Tile): string {
  const total = ({ more: { ticks, lacking } }: TileSide) => (ticks ?? 0) + (lacking ?? 0);
  return tile === "complete" && name === "stream" && batch.value !== null && total(stream) !== total(batch)
    ? " closed"
    : "";
}

/** A bar from 0, proportional: the smallest is a sliver, never nothing. */
export function Bar({ share }: { share: number }) {
  return (
    <svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      <rect class="track" x="0" y="0" width="100" height="6" />
      <rect x="0" y="0" width={Math.min(100, Math.max(0.6, share * 100)).toFixed(2)} height="6" />
    </svg>
  );
}

function ratioText({ name, stream, batch, ratio }: Tile): string {
  if (name === "complete") return completeText(stream, batch);
  if (ratio === null) return "";
  if (ratio.better === null) return "the same within 5 %";
  return `${ratio.better} ${times(ratio.times)} times ${WORDS[name].better}`;
}

/** Each pipeline's own windows: the batch's newest are open still. */
function completeText(stream: TileSide, batch: TileSide): string {
  const [a, b] = [stream.more.lacking, batch.more.lacking];
  if (a === undefined || b === undefined) return "";
  if (a === 0 && b === 0)
    return stream.more.ticks === batch.more.ticks ? "both have every tick" : "neither lacks a tick";
  return `stream lacks ${exact(a)}, batch ${exact(b)}`;
}
