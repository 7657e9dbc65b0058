// Numbers as people read them.

export const fixed = (value) => (value >= 1000 ? Math.round(value).toLocaleString("en") : value.toFixed(1));
export const count = (value) => value.toLocaleString("en");

export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${unit ? value.toFixed(1) : value} ${units[unit]}`;
}

export function duration(nanoseconds) {
  if (nanoseconds < 1e6) return `${Math.round(nanoseconds / 1e3)} µs`;
  if (nanoseconds < 1e9) return `${(nanoseconds / 1e6).toFixed(1)} ms`;
  return `${(nanoseconds / 1e9).toFixed(1)} s`;
}

export function text(tag, content) {
  const element = document.createElement(tag);
  element.textContent = content;
  return element;
}

const LONGEST_LOG = 100;

export function logEntry(list, message) {
  const row = document.createElement("li");
  row.append(text("time", new Date().toLocaleTimeString("en-GB")), text("span", message));
  list.prepend(row);
  while (list.children.length > LONGEST_LOG) list.lastChild.remove();
}
