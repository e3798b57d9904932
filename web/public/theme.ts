/** The button for light, dark or the system's colours; its label is the present state. */
import { emit, on } from "./page-bus.ts";
import { storedTheme, storeTheme, THEMES, type Theme } from "./theme-choice.ts";

const LABELS: Record<Theme, string> = { system: "auto", light: "light", dark: "dark" };

export function startTheme(): void {
  document.addEventListener("click", ({ target }) => {
    if (target instanceof Element && target.closest("#theme")) nextTheme();
  });
  on("parts", () => show(storedTheme()));
  // Paper is light, and canvases are painted again for it.
  for (const media of ["(prefers-color-scheme: dark)", "print"])
    matchMedia(media).addEventListener("change", () => emit("theme", undefined));
  // Another tab of this browser has chosen.
  addEventListener("storage", () => show(storedTheme()));
  show(storedTheme());
}

export function nextTheme(): void {
  const { theme } = document.documentElement.dataset;
  const next = THEMES[(THEMES.indexOf(theme as Theme) + 1) % THEMES.length]!;
  storeTheme(next);
  show(next);
}

function show(theme: Theme): void {
  const { dataset } = document.documentElement;
  const isNew = dataset.theme !== theme;
  dataset.theme = theme;
  const button = document.getElementById("theme");
  if (button) {
    button.textContent = LABELS[theme];
    button.setAttribute("aria-label", `Colours: ${LABELS[theme]}`);
  }
  if (isNew) emit("theme", undefined);
}
