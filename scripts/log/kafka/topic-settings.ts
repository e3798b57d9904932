/** Reads a topic's settings: every record must stay at its offset until retention drops it. */
import { type Admin, ConfigResourceTypes } from "kafkajs";
import { sentence, TidemarkError } from "../../base/errors.ts";
import type { Logger } from "../../base/logger.ts";

/**
 * Fails with LOG_SETTINGS if the broker compacts the topic. Without the right to read the policy it
 * passes: lost records are counted anyway.
 */
export async function refuseCompacted(admin: Admin, topic: string, logger: Logger): Promise<void> {
  const policy = await topicSetting(admin, topic, "cleanup.policy").catch((error) => {
    logger.debug(`the cleanup.policy of ${topic} can't be read: ${sentence(error)}`);
    return "";
  });
  if (!policy.split(",").some((one) => one.trim() === "compact")) return;
  throw new TidemarkError(
    "LOG_SETTINGS",
    `The topic ${topic} has cleanup.policy=${policy}: compaction removes all but the newest record of each key, so ticks would be lost.`,
    "Set cleanup.policy=delete on the topic, or use another topic. Records that are already removed are counted and reported.",
  );
}

/** One setting of a topic; "" if the broker doesn't report it. Fails as kafkajs does. */
export async function topicSetting(admin: Admin, topic: string, name: string): Promise<string> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: [name] }],
  });
  return resources[0]?.configEntries.find(({ configName }) => configName === name)?.configValue ?? "";
}
