/** compose.yaml, without Docker: it parses, and has the broker that the tests run. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { ROOT } from "../../support/data.ts";
import { KAFKA_VERSION } from "../../support/kafka-jars.ts";

test("compose.yaml starts the Kafka that the tests run, which creates no topic by itself", async () => {
  const { services } = Bun.YAML.parse(await Bun.file(join(ROOT, "compose.yaml")).text()) as {
    services: Record<string, { image: string; environment: Record<string, string | number> }>;
  };
  expect(services.kafka!.image).toBe(`apache/kafka:${KAFKA_VERSION}`);
  expect(services.kafka!.environment.KAFKA_AUTO_CREATE_TOPICS_ENABLE).toBe("false");
  expect(services.tidemark!.environment.TIDEMARK_LOG).toBe("kafka://kafka:19092/raw_prices");
});
