/** Keeps what stands before an @ in a URL, and the Kafka password, out of everything that a person reads. */

/** `scheme://` and what follows up to the last @ of the same word: a user name, and perhaps a password. */
const USERINFO = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s"\\]*@/gi;
/** A shorter password would blacken ordinary words. */
const PASSWORD_MIN = 4;

/**
 * The text without the user names and passwords of its URLs and without the Kafka password. The last line of defence: sentences name
 * no secret in the first place, but libraries quote what they were given.
 */
export function withoutSecrets(text: string): string {
  const shown = text.includes("@") ? text.replace(USERINFO, "$1***@") : text;
  const password = process.env.TIDEMARK_KAFKA_PASSWORD ?? "";
  return password.length >= PASSWORD_MIN && shown.includes(password) ? shown.replaceAll(password, "***") : shown;
}

/**
 * The same for what somebody typed, where a password may contain blanks and a URL may lack its beginning: everything up to the last @
 * of a URL goes, and every word before an @.
 */
export function withoutTypedSecrets(text: string): string {
  const shown = text.replace(/([a-z][a-z0-9+.-]*:\/\/)[\s\S]*@/gi, "$1***@");
  return withoutSecrets(shown.replace(/[^\s'"=/]+@/g, "***@"));
}
