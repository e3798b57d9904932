/** The button that stops the page where it is, and has it resume with the newest. */
import { setState, state } from "./address.ts";
import { on } from "./page-bus.ts";

export function startPause(): void {
  document.addEventListener("click", ({ target }) => {
    if (target instanceof Element && target.closest("#pause")) togglePause();
  });
  on("state", show);
  on("parts", show);
  show();
}

/** Back does not return to it: it is where one is, not what one sees. */
export function togglePause(): void {
  setState({ paused: !state.paused }, "replace");
}

function show(): void {
  const button = document.getElementById("pause");
  if (button === null) return;
  button.setAttribute("aria-pressed", String(state.paused));
  document.documentElement.toggleAttribute("data-paused", state.paused);
}
