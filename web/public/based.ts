/** Addresses of the page's programs below the path under which a proxy shows it (`--base-path`). */

/** An address that begins with `/`, below that path. */
export function based(address: string): string {
  return (document.documentElement.dataset.base ?? "") + address;
}
