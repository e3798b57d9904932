/** A chart as a PNG file: its canvas on the panel's colour, with its name above it. */
import uPlot from "uplot";
import { colour, font } from "./chart-colours.ts";

const HEAD_PX = 34;

/** `paint` adds what is beside the canvas: its 0, 0 is the canvas's corner, its unit a device pixel. */
export function pictureOf(
  canvas: HTMLCanvasElement,
  name: string,
  paint?: (context: CanvasRenderingContext2D, ratio: number) => void,
): HTMLCanvasElement {
  const ratio = uPlot.pxRatio;
  const head = Math.round(HEAD_PX * ratio);
  const whole = document.createElement("canvas");
  whole.width = canvas.width;
  whole.height = canvas.height + head;
  const context = whole.getContext("2d")!;
  context.fillStyle = colour("--panel");
  context.fillRect(0, 0, whole.width, whole.height);
  context.fillStyle = colour("--ink");
  context.font = font(14 * ratio, 600);
  context.fillText(name, 12 * ratio, 22 * ratio);
  context.drawImage(canvas, 0, head);
  context.translate(0, head);
  paint?.(context, ratio);
  return whole;
}

export function download(picture: HTMLCanvasElement, name: string): void {
  picture.toBlob((blob) => {
    if (blob === null) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${name}.png`;
    link.click();
    URL.revokeObjectURL(link.href);
  }, "image/png");
}
