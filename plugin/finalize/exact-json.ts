/** Stands for an integer that JSON.parse would round, as the text of a string. No Kubernetes object holds such a character. */
const mark = "\u0001int:";
const markText = JSON.stringify(mark).slice(1, -1);

const stringOrNumber = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** JSON whose integers beyond 2^53 become BigInt: allocation numbers of Calico's address blocks are such. */
export function parseExactJson(text: string): unknown {
  const marked = text.replace(stringOrNumber, (token) => (isRounded(token) ? `"${markText}${token}"` : token));
  return JSON.parse(marked, (_, value: unknown) =>
    typeof value === "string" && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value,
  );
}

/** The other way, indented by two. */
export function exactJson(value: unknown): string {
  const text = JSON.stringify(value, (_, v: unknown) => (typeof v === "bigint" ? `${mark}${v}` : v), 2);
  return text.replaceAll(new RegExp(`"${markText.replaceAll("\\", "\\\\")}(-?\\d+)"`, "g"), "$1");
}

function isRounded(token: string): boolean {
  return /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token));
}
