/** JAVA_TOOL_OPTIONS for a JVM that lives for seconds: half the processor time. */
export const SHORT_LIVED_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC";
