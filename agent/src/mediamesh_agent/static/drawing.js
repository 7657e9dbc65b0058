// Arrows between the nodes, and the small curves of the rates.

const SVG = "http://www.w3.org/2000/svg";
const HISTORY = 120; // pictures: half a minute at four a second

function box(element, origin) {
  const r = element.getBoundingClientRect();
  return { left: r.left - origin.left, right: r.right - origin.left, top: r.top - origin.top, bottom: r.bottom - origin.top };
}

// From the middle of one side to the middle of the facing side; downwards where the columns are stacked.
function curve(from, to) {
  if (to.left >= from.right) {
    const [y1, y2] = [(from.top + from.bottom) / 2, (to.top + to.bottom) / 2];
    const middle = (from.right + to.left) / 2;
    const end = to.left - 9;
    return {
      line: `M${from.right} ${y1} C${middle} ${y1} ${middle} ${y2} ${end} ${y2}`,
      head: `M${to.left - 1} ${y2} l-10 -5 v10 z`,
    };
  }
  const x = (to.left + to.right) / 2;
  return { line: `M${x} ${from.bottom} V${to.top - 9}`, head: `M${x} ${to.top - 1} l-5 -10 h10 z` };
}

function strokeClass(state) {
  if (state === "Flowing") return "flowing";
  return state === "Backoff" || state === "Failed" || state === "Stopped" ? "broken" : "";
}

function path(className, d) {
  const element = document.createElementNS(SVG, "path");
  element.setAttribute("class", className);
  element.setAttribute("d", d);
  return element;
}

export function drawArrows(graph) {
  const svg = graph.querySelector(".arrows");
  const origin = graph.getBoundingClientRect();
  const pool = box(graph.querySelector(".pool"), origin);
  const pieces = [];
  for (const part of graph.querySelectorAll(".part")) {
    const own = box(part, origin);
    const isSource = part.parentElement.classList.contains("sources");
    const { line, head } = isSource ? curve(own, pool) : curve(pool, own);
    const look = strokeClass(part.dataset.state);
    pieces.push([look, line], [`head ${look}`, head]);
  }
  updatePaths(svg, pieces);
}

// Paths are kept and only changed where needed, so that the running dashes do not start again.
function updatePaths(svg, pieces) {
  while (svg.children.length > pieces.length) svg.lastChild.remove();
  pieces.forEach(([className, d], index) => {
    const old = svg.children[index];
    if (!old) svg.append(path(className, d));
    else {
      if (old.getAttribute("d") !== d) old.setAttribute("d", d);
      if (old.getAttribute("class") !== className) old.setAttribute("class", className);
    }
  });
}

export class Sparkline {
  constructor(svg) {
    this.line = svg.querySelector(".line");
    this.area = svg.querySelector(".area");
    this.values = [];
  }

  add(value) {
    this.values.push(value);
    if (this.values.length > HISTORY) this.values.shift();
    const top = Math.max(...this.values, 1) * 1.15;
    const step = 120 / (HISTORY - 1);
    const first = 120 - step * (this.values.length - 1);
    const points = this.values.map((v, i) => `${(first + i * step).toFixed(1)} ${(27 - (26 * v) / top).toFixed(1)}`);
    this.line.setAttribute("d", `M${points.join("L")}`);
    this.area.setAttribute("d", `M${first.toFixed(1)} 28L${points.join("L")}L120 28Z`);
  }
}

// `warn`: a full bar is a bad sign.
export function fillSegments(element, used, total, label, warn = true) {
  const shown = Math.min(total, 32);
  while (element.children.length > shown) element.lastChild.remove();
  while (element.children.length < shown) element.append(document.createElement("i"));
  const lit = total ? Math.ceil((used * shown) / total) : 0;
  [...element.children].forEach((segment, index) => segment.classList.toggle("used", index < lit));
  element.classList.toggle("full", warn && total > 0 && used >= total);
  element.setAttribute("aria-label", label);
  element.title = label;
}
