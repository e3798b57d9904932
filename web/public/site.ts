/** Addresses of this site, which a proxy may show below a path of its own. */

/** The address of a path such as `/api/chart`. */
export function addressUnder(path: string): string {
  return `${document.documentElement.dataset.base ?? ""}${path}`;
}
