/** Room for the header, which stays in sight: what a link leads to comes below it. */

/** Its height changes with the screen's width and with what it shows. */
export function startHeaderRoom(): void {
  const header = document.querySelector<HTMLElement>(".top");
  if (header === null) return;
  const measure = () => document.documentElement.style.setProperty("--top", `${header.offsetHeight}px`);
  new ResizeObserver(measure).observe(header);
}
