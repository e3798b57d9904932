/** Jars from Maven Central, copied into a folder of the cache. */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** `group:artifact:version`. */
export type Jar = string;

/**
 * Copies the jars into `lib` with Maven, whose project is a pom.xml in `dir`; with all that they
 * depend on, or each alone. Throws with a sentence.
 */
export function copyJars(dir: string, lib: string, jars: readonly Jar[], isAlone: boolean): void {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, "pom.xml"), pom(jars, isAlone));
  const fetched = spawnSync("mvn", ["-q", "-B", "dependency:copy-dependencies", `-DoutputDirectory=${lib}`], {
    cwd: dir,
    encoding: "utf8",
  });
  const names = jars.map((jar) => jar.split(":")[1]).join(", ");
  if (fetched.error) throw new Error(`Maven (mvn) is needed to fetch ${names}: ${fetched.error.message}`);
  if (fetched.status !== 0) throw new Error(`${names} could not be fetched: ${fetched.stdout}${fetched.stderr}`);
}

function pom(jars: readonly Jar[], isAlone: boolean): string {
  const nothingElse = "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>";
  const dependencies = jars.map((jar) => {
    const [group, artifact, version] = jar.split(":");
    const name = `<groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>`;
    return `    <dependency>${name}${isAlone ? nothingElse : ""}</dependency>`;
  });
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tidemark</groupId><artifactId>jars</artifactId><version>1</version>
  <dependencies>
${dependencies.join("\n")}
  </dependencies>
</project>
`;
}
