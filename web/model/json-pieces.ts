/** JSON of an answer whose long lists are in pieces, of which only those that changed are made again. */

/** Part of an answer's JSON, UTF-8. */
export interface JsonPiece {
  bytes: Uint8Array<ArrayBuffer>;
  /** Whether later answers have the same object. */
  isKept: boolean;
}

/** A list whose values are in pieces, with commas between those of one piece. */
export class JsonList {
  constructor(readonly pieces: readonly JsonPiece[]) {}
}

const encoder = new TextEncoder();

export function listPiece(values: readonly unknown[], isKept: boolean): JsonPiece {
  return { bytes: encoder.encode(JSON.stringify(values).slice(1, -1)), isKept };
}

/** The text that JSON.stringify makes of the object with plain lists. */
export function jsonPieces(answer: object): JsonPiece[] {
  const made: JsonPiece[] = [];
  let text = "";
  const flush = () => {
    if (text !== "") made.push({ bytes: encoder.encode(text), isKept: false });
    text = "";
  };
  const known = Object.entries(answer).filter(([, value]) => value !== undefined);
  for (const [i, [name, value]] of known.entries()) {
    text += `${i === 0 ? "{" : ","}${JSON.stringify(name)}:`;
    if (!(value instanceof JsonList)) {
      text += JSON.stringify(value);
      continue;
    }
    text += "[";
    for (const [j, piece] of value.pieces.filter(({ bytes }) => bytes.length > 0).entries()) {
      if (j > 0) text += ",";
      flush();
      made.push(piece);
    }
    text += "]";
  }
  text += known.length === 0 ? "{}" : "}";
  flush();
  return made;
}
