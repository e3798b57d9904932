// Windows of a minute in Kafka Streams: ticker messages of one topic → JSON rows in another.
// How to run it and what the options mean: engines/README.md.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.TimestampExtractor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

public class Windows {
  static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] args) throws Exception {
    Map<String, String> given = new TreeMap<>(Map.of("--brokers", "localhost:9092", "--in", "raw_prices"));
    given.putAll(Map.of("--out", "windows", "--id", "windows", "--state", "state", "--grace", "60"));
    given.putAll(Map.of("--numbers", "decimal", "--repeats", "first", "--emit", "final"));
    given.putAll(Map.of("--retention", "3600"));
    for (int i = 0; i + 1 < args.length; i += 2) given.put(args[i], args[i + 1]);

    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, given.get("--id"));
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, given.get("--brokers"));
    settings.put(StreamsConfig.STATE_DIR_CONFIG, given.get("--state"));
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 200);
    // An update per record, not per commit.
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG), 2_000);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG), 500);

    KafkaStreams streams = new KafkaStreams(topology(given).build(), settings);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
    streams.start();
    Thread.currentThread().join();
  }

  static StreamsBuilder topology(Map<String, String> given) {
    boolean exact = given.get("--numbers").equals("decimal");
    StreamsBuilder builder = new StreamsBuilder();
    // Keyed by product already; a topic without keys needs selectKey and a repartition here.
    KStream<String, Trade> trades =
        builder.stream(given.get("--in"), Consumed.with(Serdes.String(), TRADE).withTimestampExtractor(new EventTime()))
            .filter((product, trade) -> trade != null && trade.valid());
    if (given.get("--repeats").equals("first")) {
      builder.addStateStore(
          Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("ids"), Serdes.String(), Serdes.Long()));
      trades = trades.processValues(First::new, "ids");
    }
    Duration grace = Duration.ofSeconds(Long.parseLong(given.get("--grace")));
    var table =
        trades
            .groupByKey(Grouped.with(Serdes.String(), TRADE))
            .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMinutes(1), grace))
            .aggregate(
                JSON::createObjectNode,
                (product, trade, sums) -> Sums.add(trade, sums, exact),
                Materialized.<String, ObjectNode, WindowStore<Bytes, byte[]>>as("sums")
                    .withStoreType(Materialized.StoreType.IN_MEMORY)
                    .withRetention(Duration.ofSeconds(Long.parseLong(given.get("--retention"))))
                    .withKeySerde(Serdes.String())
                    .withValueSerde(TREE));
    if (given.get("--emit").equals("final")) {
      table = table.suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()));
    }
    table
        .toStream()
        .map((window, sums) -> KeyValue.pair(window.key(), Sums.row(window, sums, exact)))
        .to(given.get("--out"), Produced.with(Serdes.String(), TREE));
    return builder;
  }

  /** A message's fields as it has them; `valid`: whether it is a trade. */
  record Trade(long id, BigDecimal price, BigDecimal size, String side, long time) {
    boolean valid() {
      boolean known = "buy".equals(side) || "sell".equals(side);
      return known && time >= 0 && price.signum() > 0 && size.signum() >= 0;
    }

    static Trade of(JsonNode message) {
      try {
        return new Trade(
            message.get("trade_id").longValue(),
            new BigDecimal(message.get("price").textValue()),
            new BigDecimal(message.get("last_size").textValue()),
            message.get("side").textValue(),
            Instant.parse(message.get("time").textValue()).toEpochMilli());
      } catch (NullPointerException | NumberFormatException | DateTimeParseException refused) {
        return null;
      }
    }
  }

  /** Stream time is the trades' own; what is not a trade does not move it (-1: left out). */
  static class EventTime implements TimestampExtractor {
    public long extract(ConsumerRecord<Object, Object> record, long partitionTime) {
      Trade trade = (Trade) record.value();
      return trade == null || !trade.valid() ? -1 : trade.time();
    }
  }

  /** Lets a product's trade id pass once. */
  static class First implements FixedKeyProcessor<String, Trade, Trade> {
    private KeyValueStore<String, Long> ids;
    private FixedKeyProcessorContext<String, Trade> context;

    public void init(FixedKeyProcessorContext<String, Trade> context) {
      this.context = context;
      ids = context.getStateStore("ids");
    }

    public void process(FixedKeyRecord<String, Trade> record) {
      String id = record.key() + " " + record.value().id();
      if (ids.putIfAbsent(id, record.value().time()) == null) context.forward(record);
    }
  }

  /** A window's sums as JSON: decimals as text, doubles as numbers. */
  static class Sums {
    static ObjectNode add(Trade trade, ObjectNode sums, boolean exact) {
      sums.put("trade_count", sums.path("trade_count").asLong() + 1);
      for (String side : new String[] {"buy", "sell"}) {
        String name = side + "_count";
        sums.put(name, sums.path(name).asLong() + (side.equals(trade.side()) ? 1 : 0));
      }
      if (exact) {
        put(sums, "price_sum", decimal(sums, "price_sum").add(trade.price()));
        put(sums, "total_volume", decimal(sums, "total_volume").add(trade.size()));
        put(sums, "notional", decimal(sums, "notional").add(trade.price().multiply(trade.size())));
        put(sums, "min_price", sums.has("min_price") ? decimal(sums, "min_price").min(trade.price()) : trade.price());
        put(sums, "max_price", decimal(sums, "max_price").max(trade.price()));
        return sums;
      }
      double price = trade.price().doubleValue();
      double size = trade.size().doubleValue();
      sums.put("price_sum", sums.path("price_sum").asDouble() + price);
      sums.put("total_volume", sums.path("total_volume").asDouble() + size);
      sums.put("notional", sums.path("notional").asDouble() + price * size);
      sums.put("min_price", Math.min(sums.path("min_price").asDouble(Double.MAX_VALUE), price));
      sums.put("max_price", Math.max(sums.path("max_price").asDouble(), price));
      return sums;
    }

    /** The row of a window; averages have eight decimals, half even. */
    static ObjectNode row(Windowed<String> window, ObjectNode sums, boolean exact) {
      ObjectNode row = JSON.createObjectNode().put("product_id", window.key());
      row.put("window_start", window.window().startTime().toString());
      row.put("window_end", window.window().endTime().toString());
      row.setAll(sums);
      long count = sums.get("trade_count").longValue();
      if (exact) {
        BigDecimal average = decimal(sums, "price_sum").divide(BigDecimal.valueOf(count), 8, RoundingMode.HALF_EVEN);
        put(row, "avg_price", average);
        put(row, "price_range", decimal(sums, "max_price").subtract(decimal(sums, "min_price")));
      } else {
        row.put("avg_price", sums.get("price_sum").doubleValue() / count);
        row.put("price_range", sums.get("max_price").doubleValue() - sums.get("min_price").doubleValue());
      }
      return row;
    }

    static BigDecimal decimal(ObjectNode sums, String name) {
      return new BigDecimal(sums.path(name).asText("0"));
    }

    static void put(ObjectNode sums, String name, BigDecimal value) {
      sums.put(name, value.toPlainString());
    }
  }

  /** JSON both ways; what cannot be read is null. */
  static final Serde<ObjectNode> TREE =
      Serdes.serdeFrom(
          (topic, tree) -> {
            try {
              return tree == null ? null : JSON.writeValueAsBytes(tree);
            } catch (IOException impossible) {
              throw new UncheckedIOException(impossible);
            }
          },
          (topic, bytes) -> {
            try {
              return bytes != null && JSON.readTree(bytes) instanceof ObjectNode tree ? tree : null;
            } catch (IOException malformed) {
              return null;
            }
          });

  static final Serde<Trade> TRADE =
      Serdes.serdeFrom(
          (topic, trade) -> {
            throw new UnsupportedOperationException("trades are only read");
          },
          (topic, bytes) -> {
            ObjectNode message = TREE.deserializer().deserialize(topic, bytes);
            return message == null ? null : Trade.of(message);
          });
}
