/** Drag to pan, wheel and pinch to zoom: what fingers and mice do to a view. */
import { type Extent, panned, type View, zoomed } from "./main-chart-view.ts";

interface Moved {
  view(): View;
  extent(): Extent;
  /** The view changes now, and again soon. */
  move(view: View): void;
  /** The gesture is over. */
  settle(): void;
}

/** A wheel that scrolled the page a moment ago continues to do so. */
const SCROLLED_MS = 400;
/** After the wheel's last step the gesture is over. */
const WHEEL_REST_MS = 250;
const WHEEL_STEP = 0.0016;
/** Below this many pixels a press is a click. */
const DRAG_MIN = 4;

/** Listens on the plot's area; returns what ends that. */
export function gestures(over: HTMLElement, moved: Moved): () => void {
  const ends: (() => void)[] = [];
  const listen = (target: EventTarget, name: string, take: (event: never) => void, options = {}) => {
    target.addEventListener(name, take as (event: Event) => void, options);
    ends.push(() => target.removeEventListener(name, take as (event: Event) => void, options));
  };
  drag(over, moved, listen);
  wheel(over, moved, listen, ends);
  return () => {
    for (const end of ends) end();
  };
}

type Listen = (target: EventTarget, name: string, take: (event: never) => void, options?: object) => void;

const timeAt = (over: HTMLElement, { from_s, to_s }: View, client_x: number) => {
  const { left, width } = over.getBoundingClientRect();
  return from_s + ((client_x - left) / width) * (to_s - from_s);
};

/** One pointer pans, two zoom around their middle. */
function drag(over: HTMLElement, moved: Moved, listen: Listen): void {
  const pointers = new Map<number, number>();
  let began_x = 0;
  let isDragged = false;
  const middle = () => [...pointers.values()].reduce((sum, x) => sum + x, 0) / pointers.size;
  const apart = () => Math.max(...pointers.values()) - Math.min(...pointers.values());
  listen(over, "pointerdown", (event: PointerEvent) => {
    if (event.button !== 0) return;
    if (pointers.size === 0) isDragged = false;
    pointers.set(event.pointerId, event.clientX);
    began_x = event.clientX;
  });
  listen(over, "pointermove", (event: PointerEvent) => {
    if (!pointers.has(event.pointerId)) return;
    if (!isDragged && pointers.size === 1 && Math.abs(event.clientX - began_x) < DRAG_MIN) return;
    if (!isDragged) over.setPointerCapture(event.pointerId);
    isDragged = true;
    over.classList.add("dragged");
    const [before, width_before] = [middle(), apart()];
    pointers.set(event.pointerId, event.clientX);
    const view = moved.view();
    const seconds = (view.to_s - view.from_s) / over.clientWidth;
    let next = panned(view, (before - middle()) * seconds, moved.extent());
    if (pointers.size > 1 && width_before > 0 && apart() > 0)
      next = zoomed(next, width_before / apart(), timeAt(over, next, middle()), moved.extent());
    moved.move(next);
  });
  const end = (event: PointerEvent) => {
    if (!pointers.delete(event.pointerId) || pointers.size > 0) return;
    over.classList.remove("dragged");
    if (isDragged) moved.settle();
  };
  listen(over, "pointerup", end);
  listen(over, "pointercancel", end);
}

function wheel(over: HTMLElement, moved: Moved, listen: Listen, ends: (() => void)[]): void {
  let scrolled_ms = Number.NEGATIVE_INFINITY;
  let rest: ReturnType<typeof setTimeout> | undefined;
  listen(window, "scroll", () => {
    scrolled_ms = performance.now();
  });
  listen(
    over,
    "wheel",
    (event: WheelEvent) => {
      if (performance.now() - scrolled_ms < SCROLLED_MS) return;
      event.preventDefault();
      const view = moved.view();
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
      const isSideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
      const seconds = ((view.to_s - view.from_s) / over.clientWidth) * lines;
      moved.move(
        isSideways
          ? panned(view, event.deltaX * seconds, moved.extent())
          : zoomed(
              view,
              Math.exp(event.deltaY * lines * WHEEL_STEP),
              timeAt(over, view, event.clientX),
              moved.extent(),
            ),
      );
      clearTimeout(rest);
      rest = setTimeout(() => moved.settle(), WHEEL_REST_MS);
    },
    { passive: false },
  );
  ends.push(() => clearTimeout(rest));
}
