/** What a key does, and whether keys do anything: some people's speech or hands press them unawares. */

/** `keys`: their names, with spaces between. `act` is missing for what the charts take when focused. */
export type Key = [keys: string, words: string, act?: (key: string) => void];

export function namesOf([keys]: Key): string[] {
  return keys.split(" ");
}

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
