/** What a key does, and whether keys do anything: some people's speech or hands press them unawares. */

/** `act` is missing for what the charts take when they have the focus. */
export type Key = [keys: string, words: string, act?: (key: string) => void];

const STORED = "tidemark-keys";
/** For a browser that keeps nothing. */
let isOff = false;

export function areKeysOn(): boolean {
  try {
    return localStorage.getItem(STORED) !== "off";
  } catch {
    return !isOff;
  }
}

export function switchKeys(isOn: boolean): void {
  isOff = !isOn;
  document.documentElement.dataset.keys = isOn ? "on" : "off";
  try {
    localStorage.setItem(STORED, isOn ? "on" : "off");
  } catch {
    // It lasts until the page is closed.
  }
}
