/**
 * Reads a Kafka topic as a member of a group, from the job's positions: kafkajs pushes, polls pull.
 */
import type { Consumer, EachBatchPayload, Kafka } from "kafkajs";
import { monotonicMs } from "../../base/clock.ts";
import { passes, sentence, TidemarkError } from "../../base/errors.ts";
import type { LogBatch, LogPosition, LogReader, PartitionSpan, ReaderOptions } from "../../contract/log.ts";
import { firstOffset, positionOf } from "../shared/shorter.ts";
import { Waiter } from "../shared/waiter.ts";
import { sessionMs } from "./client.ts";
import { FetchOrder, groupConsumer, HEARTBEAT_MS, type KafkaReaderLog } from "./flow.ts";
import { HandOver } from "./handover.ts";
import { kafkaErrorType } from "./kafka-errors.ts";
import {
  KAFKA_CHECK_MS,
  KAFKA_CLOSE_MS,
  KAFKA_COMMIT_MS,
  KAFKA_CONFIRM_MS,
  KAFKA_DRY_SESSIONS,
} from "./kafka-limits.ts";
import { PartitionMerge } from "./merged-fetch.ts";
import { Silence } from "./silence.ts";
import { Taker } from "./take.ts";

/** A join of the group, until a poll takes it up. */
interface Joined {
  memberId: string;
  partitions: number[];
  announced: boolean;
}

export class KafkaReader implements LogReader {
  readonly #consumer: Consumer;
  readonly #waiter = new Waiter();
  readonly #handOver = new HandOver(HEARTBEAT_MS, () => this.#waiter.ring());
  readonly #fetches: FetchOrder;
  readonly #taker: Taker;
  #memberId = "";
  #joined: Joined | null = null;
  /** The log's spans, requested since the group was joined. */
  #spans: PartitionSpan[] | null = null;
  #noted_ms = 0;
  #checking = false;
  #doubts = 0;
  #quiet = true;
  /** When records or partitions last arrived (monotonic milliseconds). */
  #news_ms = monotonicMs();
  #timer: Timer | undefined;
  #failure: unknown = null;
  readonly #silence: Silence;
  #closed = false;

  constructor(
    kafka: Kafka,
    private readonly topic: string,
    private readonly options: ReaderOptions,
    private readonly log: KafkaReaderLog,
  ) {
    this.#silence = new Silence(log);
    const restarts = (error: Error) => !this.#closed && log.refused(error, options.group) === null;
    this.#consumer = groupConsumer(kafka, options, restarts);
    this.#fetches = new FetchOrder(this.#consumer, topic, this.#handOver);
    this.#taker = new Taker(this.#fetches, () => void this.#check());
  }

  /** Joins the group in the background; a poll takes up the partitions. Fails as kafkajs does. */
  async start(): Promise<void> {
    const { events } = this.#consumer;
    this.#consumer.on(events.GROUP_JOIN, ({ payload }) => this.#onJoin(payload.memberId, payload.memberAssignment));
    // kafkajs does not call eachBatch for markers and aborted records alone.
    this.#consumer.on(events.START_BATCH_PROCESS, ({ payload }) => {
      const { batchSize, partition, firstOffset, lastOffset, highWatermark } = payload;
      if (batchSize > 0 || !this.#flows(partition)) return;
      this.#taker.passed(partition, Number(firstOffset), Number(lastOffset), Number(highWatermark));
      this.#waiter.ring();
    });
    this.#consumer.on(events.CRASH, ({ payload }) => this.#onCrash(payload.error, payload.restart));
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topic: this.topic, fromBeginning: true });
    void this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: this.log.partitions,
      eachBatch: (payload) => this.#receive(payload),
    });
    this.#timer = setInterval(() => {
      if (this.#quiet) void this.#check();
      this.#quiet = true;
    }, KAFKA_CHECK_MS);
  }

  async poll(limits: { records_max: number; timeout_ms: number }): Promise<LogBatch[]> {
    const deadline = monotonicMs() + limits.timeout_ms;
    for (;;) {
      if (this.#joined !== null && this.#spans !== null) await this.#takeUp(this.#joined, this.#spans);
      if (this.#failure !== null) throw this.#failure;
      const batches = this.#joined === null ? this.#taker.take(limits.records_max) : [];
      if (batches.length > 0) this.#news_ms = monotonicMs();
      const left = deadline - monotonicMs();
      const woken = this.#waiter.takeWoken();
      if (batches.length > 0 || woken || left <= 0) return batches;
      await this.#waiter.wait(Math.min(left, Math.max(1, this.#taker.wait_ms)));
    }
  }

  #flows(partition: number): boolean {
    return !this.#closed && this.#joined === null && this.#taker.positions.has(partition);
  }

  async #receive(payload: EachBatchPayload): Promise<void> {
    if (payload.isStale() || !this.#flows(payload.batch.partition)) return;
    this.#quiet = false;
    await this.#taker.receive(payload);
  }

  /** Nothing flows until a poll takes up the partitions, so a batch is never interrupted. */
  #onJoin(memberId: string, assignment: Record<string, number[]>): void {
    const partitions = assignment[this.topic] ?? [];
    this.#consumer.pause([{ topic: this.topic, partitions }]);
    this.#handOver.clear();
    this.#joined = { memberId, partitions, announced: false };
    this.#spans = null;
    this.#silence.joined();
    void this.#check();
  }

  /** Kept partitions continue; new ones begin at the job's position. */
  async #takeUp(joined: Joined, spans: PartitionSpan[]): Promise<void> {
    // A new member id: another member may have read meanwhile, so no partition was kept.
    const kept = joined.memberId === this.#memberId ? this.#taker.positions : new Map<number, number>();
    if (!joined.announced) {
      const gone = [...this.#taker.positions.keys()].filter((p) => !kept.has(p) || !joined.partitions.includes(p));
      if (gone.length > 0) this.options.onRevoked?.(gone);
      joined.announced = true;
    }
    const holdsAll = joined.partitions.length >= spans.length;
    let positions: Map<number, LogPosition>;
    try {
      if (!holdsAll && (await this.#isAlone())) {
        // Partitions were just added: this reader gets them once kafkajs has seen them.
        this.#spans = null;
        this.#checkAgain(HEARTBEAT_MS);
        return;
      }
      this.options.merge?.onHolds(holdsAll);
      positions = await this.#positionsIn(joined.partitions, kept, spans);
    } catch (error) {
      this.#doubt(error);
      return;
    }
    // The group may have been joined again meanwhile.
    if (this.#joined !== joined) return;
    this.#doubts = 0;
    const { merge, until_end = false } = this.options;
    const isMerged = merge !== undefined && holdsAll && spans.length > 1;
    const merging = isMerged
      ? new PartitionMerge(this.#handOver, positions, spans, this.#noted_ms, { until_end, isSpread: merge.isSpread })
      : null;
    this.#taker.begin(positions, merging);
    this.#memberId = joined.memberId;
    this.#joined = null;
    this.#news_ms = monotonicMs();
    this.#fetches.begin(this.#taker.positions, (error) =>
      this.log.logger.debug(`${this.log.name}: ${sentence(error)}`),
    );
  }

  /**
   * Where to begin. LOG_SHORTER_THAN_CHECKPOINT: the log is shorter, another, or has fewer
   * partitions.
   */
  async #positionsIn(partitions: number[], kept: ReadonlyMap<number, number>, spans: PartitionSpan[]) {
    const { group } = this.options;
    const spanOf = (partition: number) =>
      spans.find((one) => one.partition === partition) ?? { partition, start: 0, end: 0 };
    for (const [partition, next] of this.#taker.positions) {
      if (partition >= spans.length) firstOffset(spanOf(partition), next, group, this.log);
    }
    const positions = new Map<number, LogPosition>();
    const known: [partition: number, position: LogPosition][] = [];
    for (const partition of partitions) {
      const span = spanOf(partition);
      const next = kept.get(partition);
      const seen_us = this.#taker.seenOf(partition);
      const position = next === undefined ? positionOf(this.options.position(partition)) : { next, seen_us };
      positions.set(partition, { next: firstOffset(span, position.next, group, this.log), seen_us: position.seen_us });
      if (position.seen_us > 0 && position.next > span.start) known.push([partition, position]);
    }
    await Promise.all(known.map(([partition, position]) => this.log.recognise(partition, position, group)));
    return positions;
  }

  async #isAlone(): Promise<boolean> {
    const group = await this.#consumer.describeGroup().catch(() => null);
    return group?.members.length === 1;
  }

  /**
   * Compares the reader's positions with the log: after a join, at a hole, every KAFKA_CHECK_MS of
   * silence.
   */
  async #check(): Promise<void> {
    if (this.#checking || this.#closed) return;
    this.#checking = true;
    const positions = [...this.#taker.positions];
    const handed = [...this.#handOver.waiting];
    const noted_ms = monotonicMs();
    try {
      const spans = await this.#silence.ask(() => this.log.spans());
      if (this.#joined !== null) {
        this.#spans = spans;
        this.#noted_ms = noted_ms;
      } else {
        this.#compare(positions, spans);
        this.#taker.merge?.ends(spans, noted_ms);
      }
      for (const one of handed) one.verified = true;
    } catch (error) {
      if (error instanceof TidemarkError && error.code === "LOG_SHORTER_THAN_CHECKPOINT") this.#doubt(error);
      else this.#checkAgain(HEARTBEAT_MS);
    } finally {
      this.#checking = false;
    }
    this.#waiter.ring();
  }

  #compare(positions: [partition: number, next: number][], spans: PartitionSpan[]): void {
    for (const [partition, next] of positions) {
      const span = spans.find((one) => one.partition === partition);
      if (span) firstOffset(span, next, this.options.group, this.log);
    }
    this.#doubts = 0;
  }

  #doubt(error: unknown): void {
    this.#spans = null;
    const code = error instanceof TidemarkError ? error.code : "";
    if (code === "LOG_UNREACHABLE" || passes(error)) this.#checkAgain(HEARTBEAT_MS);
    else if (code === "LOG_SHORTER_THAN_CHECKPOINT" && this.#doubts++ === 0) this.#checkAgain(KAFKA_CONFIRM_MS);
    else this.#failure = error;
  }

  #checkAgain(ms: number): void {
    setTimeout(() => void this.#check(), ms);
  }

  #onCrash(error: Error, restart: boolean): void {
    if (this.#closed) return;
    // The first group of a cluster waits a moment for its coordinator: nothing to report.
    if (restart && kafkaErrorType(error) === "GROUP_LOAD_IN_PROGRESS") return;
    if (restart) {
      this.#silence.lost(error);
      return;
    }
    void this.log.ended(error, this.options.group).then((failure) => {
      this.#failure = failure;
      this.#waiter.ring();
    });
  }

  /**
   * After KAFKA_DRY_SESSIONS a lost member or broker would have been noticed; and a fetch must have
   * returned no records, since a slow or failed one returns nothing either.
   */
  async dry(): Promise<boolean> {
    const isQuiet = monotonicMs() - this.#news_ms >= KAFKA_DRY_SESSIONS * sessionMs();
    if (!isQuiet || this.#fetches.empty_ms < this.#news_ms) return false;
    const spans = await this.log.spans().catch(() => null);
    if (spans === null) this.#news_ms = monotonicMs();
    return spans !== null;
  }

  away = (): string | null => this.#silence.sentence();

  wake(): void {
    this.#waiter.wake();
  }

  /** For lag display only: skipped while the broker is away. */
  async commit(positions: { partition: number; next: number }[]): Promise<void> {
    const mine = positions.filter(({ partition }) => this.#taker.positions.has(partition));
    if (mine.length === 0 || this.#joined !== null || this.#silence.away) return;
    const offsets = mine.map(({ partition, next }) => ({ topic: this.topic, partition, offset: String(next) }));
    try {
      await Promise.race([this.#consumer.commitOffsets(offsets), Bun.sleep(KAFKA_COMMIT_MS)]);
    } catch (error) {
      this.log.logger.debug(`the offsets of ${this.options.group} could not be committed: ${sentence(error)}`);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#handOver.clear();
    this.#waiter.wake();
    // If the broker can't be reached, the group drops this member by itself.
    await Promise.race([this.#consumer.disconnect().catch(() => {}), Bun.sleep(KAFKA_CLOSE_MS)]);
  }
}
