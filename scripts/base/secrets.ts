/** Keeps users and passwords of URLs, and the Kafka password, out of what a person reads. */

/** `scheme://` and what follows up to the last @ of the word: a user name, perhaps a password. */
const USERINFO = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s"\\]*@/gi;
/** A shorter password would hide ordinary words. */
const PASSWORD_MIN = 4;

/**
 * The text without user names and passwords of URLs and without the Kafka password. Our sentences name
 * no secret, but libraries quote what they were given.
 */
export function withoutSecrets(text: string): string {
  const shown = text.includes("@") ? text.replace(USERINFO, "$1***@") : text;
  const password = process.env.TIDEMARK_KAFKA_PASSWORD ?? "";
  return password.length >= PASSWORD_MIN && shown.includes(password) ? shown.replaceAll(password, "***") : shown;
}

/**
 * The same for typed text, where a password may contain blanks and a URL may lack its beginning:
 * removes everything up to the last @ of a URL, and every word before an @.
 */
export function withoutTypedSecrets(text: string): string {
  const shown = text.replace(/([a-z][a-z0-9+.-]*:\/\/)[\s\S]*@/gi, "$1***@");
  return withoutSecrets(shown.replace(/[^\s'"=/]+@/g, "***@"));
}
