/** Reads a Kafka topic as a member of a group, from the job's own positions: kafkajs pushes, the job pulls. */
import type { Consumer, EachBatchPayload, Kafka } from "kafkajs";
import { monotonicMs } from "../common/clock.ts";
import { passes, sentence, TidemarkError } from "../common/errors.ts";
import {
  KAFKA_CONFIRM_MS,
  KAFKA_FETCH_BYTES_MAX,
  KAFKA_FETCH_WAIT_MS,
  KAFKA_LAST_FETCH_WAIT_MS,
  KAFKA_LOOK_MS,
} from "../common/limits.ts";
import type { LogBatch, LogPlace, LogReader, PartitionSpan, ReaderOptions } from "../common/log.ts";
import type { Logger } from "../common/logger.ts";
import { HandOver, messageBatch } from "./kafka-batch.ts";
import { sessionMs } from "./kafka-client.ts";
import { kafkaErrorType } from "./kafka-words.ts";
import { firstOffset, placeOf } from "./shorter.ts";
import { Silence } from "./silence.ts";
import { Waiter } from "./waiter.ts";

/** Heartbeats also bring the news of a rebalance; three fit into the shortest session. */
const HEARTBEAT_MS = 333;
/** A note of how far the group is, and a leave, are not waited for longer: a stage ends within DRAIN_MS_MAX also when the broker is away. */
const COMMIT_MS_MAX = 1_000;
const CLOSE_MS_MAX = 2_000;
const DRY_SESSIONS = 2.5;

/** What the group gave this member, not yet taken up by a poll. */
interface Joined {
  memberId: string;
  partitions: number[];
  announced: boolean;
}

export interface KafkaReaderLog {
  name: string;
  partitions: number;
  logger: Logger;
  spans(): Promise<PartitionSpan[]>;
  /** Fails when what lies before a place was appended later than the job has seen: that is another log. */
  recognise(partition: number, place: LogPlace, group: string): Promise<void>;
  /** An error that no waiting mends, as what to report; null for all others. */
  refused(error: unknown, group: string): TidemarkError | null;
  /** What to report of an error that ended kafkajs's reading. */
  ended(error: unknown, group: string): Promise<TidemarkError>;
}

export class KafkaReader implements LogReader {
  readonly #consumer: Consumer;
  readonly #waiter = new Waiter();
  readonly #handOver = new HandOver(HEARTBEAT_MS, () => this.#waiter.ring());
  /** First offset not yet given, of each partition that was taken up. */
  #places = new Map<number, number>();
  #memberId = "";
  #joined: Joined | null = null;
  /** What the log holds, looked up since the group was joined. */
  #spans: PartitionSpan[] | null = null;
  #looking = false;
  #doubts = 0;
  #quiet = true;
  /** When records, or partitions, came last. */
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
    this.#consumer = kafka.consumer({
      groupId: options.group,
      sessionTimeout: sessionMs(),
      heartbeatInterval: HEARTBEAT_MS,
      maxBytesPerPartition: KAFKA_FETCH_BYTES_MAX,
      maxBytes: 2 * KAFKA_FETCH_BYTES_MAX,
      minBytes: 1,
      maxWaitTimeInMs: Math.min(options.until_end ? KAFKA_LAST_FETCH_WAIT_MS : KAFKA_FETCH_WAIT_MS, sessionMs() / 4),
      allowAutoTopicCreation: false,
      retry: { restartOnFailure: async (error) => !this.#closed && log.refused(error, options.group) === null },
    });
  }

  /** Joins the group in the background; a poll takes up what it is given. */
  async start(): Promise<void> {
    const { events } = this.#consumer;
    this.#consumer.on(events.GROUP_JOIN, ({ payload }) => this.#onJoin(payload.memberId, payload.memberAssignment));
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
      if (this.#quiet) void this.#look();
      this.#quiet = true;
    }, KAFKA_LOOK_MS);
  }

  async poll(limits: { records_max: number; timeout_ms: number }): Promise<LogBatch[]> {
    const deadline = monotonicMs() + limits.timeout_ms;
    for (;;) {
      if (this.#joined !== null && this.#spans !== null) await this.#takeUp(this.#joined, this.#spans);
      if (this.#failure !== null) throw this.#failure;
      const batches = this.#joined === null ? this.#take(limits.records_max) : [];
      if (batches.length > 0) this.#news_ms = monotonicMs();
      const left = deadline - monotonicMs();
      const woken = this.#waiter.takeWoken();
      if (batches.length > 0 || woken || left <= 0) return batches;
      await this.#waiter.wait(left);
    }
  }

  async #receive({ batch, resolveOffset, heartbeat, isStale }: EachBatchPayload): Promise<void> {
    const { partition, messages } = batch;
    if (isStale() || this.#closed || this.#joined !== null || !this.#places.has(partition)) return;
    this.#quiet = false;
    const taken = await this.#handOver.offer(messageBatch(partition, messages), heartbeat);
    if (taken) resolveOffset(messages[messages.length - 1]!.offset);
  }

  #take(records_max: number): LogBatch[] {
    const batches: LogBatch[] = [];
    let records = 0;
    for (let handed = this.#handOver.waiting[0]; handed && records < records_max; handed = this.#handOver.waiting[0]) {
      const place = this.#places.get(handed.partition)!;
      const { offsets, count } = handed.records;
      let first = handed.from;
      if (offsets[first] !== place) {
        // Offsets may have holes (transactions, compaction), but kafkajs also jumps without a word when its place is gone.
        if (!handed.verified) {
          void this.#look();
          break;
        }
        while (first < count && offsets[first]! < place) first++;
        this.#handOver.skip(handed, first);
        if (first === count) continue;
      }
      const batch = this.#handOver.take(handed, records_max - records);
      this.#places.set(handed.partition, batch.offsets[batch.count - 1]! + 1);
      batches.push(batch);
      records += batch.count;
    }
    return batches;
  }

  /** The group has (re)joined: nothing flows until a poll takes up the partitions, so that the job is never interrupted in mid-batch. */
  #onJoin(memberId: string, assignment: Record<string, number[]>): void {
    const partitions = assignment[this.topic] ?? [];
    this.#consumer.pause([{ topic: this.topic, partitions }]);
    this.#handOver.clear();
    this.#joined = { memberId, partitions, announced: false };
    this.#spans = null;
    this.#silence.joined();
    void this.#look();
  }

  /** Partitions that stayed go on where they were; those that came begin at the job's position. */
  async #takeUp(joined: Joined, spans: PartitionSpan[]): Promise<void> {
    // Under a new member id the group had given us up: another member may have moved on meanwhile, so nothing has stayed.
    const stayed = joined.memberId === this.#memberId ? this.#places : new Map<number, number>();
    const came = joined.partitions.filter((partition) => !stayed.has(partition));
    if (!joined.announced) {
      const gone = [...this.#places.keys()].filter((p) => !stayed.has(p) || !joined.partitions.includes(p));
      if (gone.length > 0) this.options.onRevoked?.(gone);
      if (came.length > 0) this.options.onAssigned?.(came);
      joined.announced = true;
    }
    const places = new Map<number, number>();
    try {
      const known: [partition: number, place: LogPlace][] = [];
      for (const partition of joined.partitions) {
        const span = spans.find((one) => one.partition === partition) ?? { partition, start: 0, end: 0 };
        const place = placeOf(stayed.get(partition) ?? this.options.position(partition));
        places.set(partition, firstOffset(span, place.next, this.options.group, this.log));
        if (place.seen_us > 0 && place.next > span.start) known.push([partition, place]);
      }
      await Promise.all(known.map(([partition, place]) => this.log.recognise(partition, place, this.options.group)));
    } catch (error) {
      this.#doubt(error);
      return;
    }
    // The group may have gone on while the broker was asked.
    if (this.#joined !== joined) return;
    this.#doubts = 0;
    this.#places = places;
    this.#memberId = joined.memberId;
    this.#joined = null;
    this.#news_ms = monotonicMs();
    this.#flow();
  }

  #flow(): void {
    try {
      for (const [partition, next] of this.#places) {
        this.#consumer.seek({ topic: this.topic, partition, offset: String(next) });
      }
      this.#consumer.resume([{ topic: this.topic, partitions: [...this.#places.keys()] }]);
    } catch (error) {
      // kafkajs lost the group just now; it joins again by itself and comes back through #onJoin.
      this.log.logger.debug(`${this.log.name}: ${sentence(error)}`);
    }
  }

  /** Compares the reader's places with what the log holds: after a join, at a hole, and now and then in silence. */
  async #look(): Promise<void> {
    if (this.#looking || this.#closed) return;
    this.#looking = true;
    const places = [...this.#places];
    const handed = [...this.#handOver.waiting];
    try {
      const spans = await this.#silence.ask(() => this.log.spans());
      if (this.#joined !== null) this.#spans = spans;
      else this.#compare(places, spans);
      for (const one of handed) one.verified = true;
    } catch (error) {
      if (error instanceof TidemarkError && error.code === "LOG_SHORTER_THAN_CHECKPOINT") this.#doubt(error);
      else this.#lookAgain(HEARTBEAT_MS);
    } finally {
      this.#looking = false;
    }
    this.#waiter.ring();
  }

  #compare(places: [partition: number, next: number][], spans: PartitionSpan[]): void {
    for (const [partition, next] of places) {
      const span = spans.find((one) => one.partition === partition);
      if (span) firstOffset(span, next, this.options.group, this.log);
    }
    this.#doubts = 0;
  }

  #doubt(error: unknown): void {
    this.#spans = null;
    const code = error instanceof TidemarkError ? error.code : "";
    if (code === "LOG_UNREACHABLE" || passes(error)) this.#lookAgain(HEARTBEAT_MS);
    else if (code === "LOG_SHORTER_THAN_CHECKPOINT" && this.#doubts++ === 0) this.#lookAgain(KAFKA_CONFIRM_MS);
    else this.#failure = error;
  }

  #lookAgain(ms: number): void {
    setTimeout(() => void this.#look(), ms);
  }

  #onCrash(error: Error, restart: boolean): void {
    if (this.#closed) return;
    // The very first group of a cluster waits a moment for its coordinator: nothing to tell.
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

  /** After so many sessions a lost member, or a broker that is away, would have been noticed. */
  async dry(): Promise<boolean> {
    if (monotonicMs() - this.#news_ms < DRY_SESSIONS * sessionMs()) return false;
    const spans = await this.log.spans().catch(() => null);
    if (spans === null) this.#news_ms = monotonicMs();
    return spans !== null;
  }

  away = (): string | null => this.#silence.sentence();

  wake(): void {
    this.#waiter.wake();
  }

  /** For lag display only: not told when the broker is away. */
  async commit(positions: { partition: number; next: number }[]): Promise<void> {
    const mine = positions.filter(({ partition }) => this.#places.has(partition));
    if (mine.length === 0 || this.#joined !== null || this.#silence.away) return;
    const offsets = mine.map(({ partition, next }) => ({ topic: this.topic, partition, offset: String(next) }));
    try {
      await Promise.race([this.#consumer.commitOffsets(offsets), Bun.sleep(COMMIT_MS_MAX)]);
    } catch (error) {
      this.log.logger.debug(`how far ${this.options.group} is could not be noted: ${sentence(error)}`);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#handOver.clear();
    this.#waiter.wake();
    // The group notices by itself when the broker can't be told.
    await Promise.race([this.#consumer.disconnect().catch(() => {}), Bun.sleep(CLOSE_MS_MAX)]);
  }
}
