// The page: takes the whole picture from /api/events, keeps one node per part, and sends what the buttons say.

import { Sparkline, drawArrows, fillSegments } from "./drawing.js";
import { bytes, count, duration, fixed, logEntry, text } from "./words.js";

const id = (name) => document.getElementById(name);
const parts = new Map(); // "connection endpoint" -> {element, sparkline, state, data}
const flows = new Map();
let hubPid = 0;

function clone(template) {
  return id(template).content.firstElementChild.cloneNode(true);
}

async function act(path, target, what) {
  announce(`${what}…`);
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(target) };
  const response = await fetch(path, options);
  const answer = await response.json().catch(() => ({ message: response.statusText }));
  announce(response.ok ? answer.summary || `${what}: done` : `${what}: ${answer.message}`);
}

function announce(message) {
  id("announcement").textContent = message;
  logEntry(id("log"), message);
}

const HUB = { connection: "", endpoint: "" };
const upgradeHub = () => act("/api/upgrade", {}, "Upgrade of the hub");
const killHub = () => act("/api/kill", HUB, "Kill of the hub");

function press(part, action) {
  const { connection, endpoint, actions } = part.data;
  if (actions.includes(action)) act(`/api/${action}`, { connection, endpoint }, `${action} ${endpoint}`);
}

function makePart(data, parent) {
  const element = clone("part-template");
  const part = { element, data, state: data.state, sparkline: new Sparkline(element.querySelector(".sparkline")) };
  const number = parts.size + 1;
  element.querySelector(".key").textContent = number < 10 ? number : "";
  element.querySelector(".name").textContent = data.endpoint;
  element.setAttribute("aria-label", `${data.role} ${data.endpoint}`);
  for (const action of ["restart", "kill"]) {
    const button = element.querySelector(`.${action}`);
    button.setAttribute("aria-label", `${action} ${data.endpoint}`);
    button.addEventListener("click", () => press(part, action));
  }
  parent.append(element);
  parts.set(`${data.connection} ${data.endpoint}`, part);
}

function makeFlow(flow) {
  const element = clone("flow-template");
  element.querySelector(".name").textContent = flow.connection;
  id("flows").append(element);
  flows.set(flow.connection, element);
  makePart(flow.source, element.querySelector(".sources"));
  flow.sinks.forEach((sink) => makePart(sink, element.querySelector(".sinks")));
  const shown = flow.sinks.find((sink) => sink.preview);
  if (shown) showPreview(element.querySelector(".preview"), shown);
}

function showPreview(figure, sink) {
  figure.hidden = false;
  figure.querySelector("img").src = `/preview.mjpg?connection=${encodeURIComponent(sink.connection)}`;
  figure.querySelector("figcaption").textContent = `what the sink ${sink.endpoint} sees, up to 10 pictures a second`;
}

function figures(part) {
  const rows = [["", "sent", count(part.frames)]];
  if (part.role === "sink") {
    rows[0] = ["", "received", count(part.received)];
    if (part.latency) rows.push(["", "p50", duration(part.latency.p50)], ["", "p99", duration(part.latency.p99)], ["", "max", duration(part.latency.max)]);
    rows.push([part.dropped ? "warn" : "", "dropped", count(part.dropped)]);
    if (part.damaged) rows.push(["warn", "damaged", count(part.damaged)]);
  }
  rows.push(["", "", `${fixed(part.megabits)} Mbit/s`]);
  if (part.reattached) rows.push(["", "reattached", count(part.reattached)]);
  if (part.restarts) rows.push(["warn", "restarts", count(part.restarts)]);
  return rows;
}

function showFigures(list, rows) {
  list.replaceChildren(
    ...rows.map(([look, name, value]) => {
      const row = document.createElement("div");
      row.className = look;
      row.append(text("dt", name), text("dd", value));
      return row;
    }),
  );
}

function showState(element, state) {
  const chip = element.querySelector(".state");
  chip.textContent = state;
  chip.dataset.state = state;
  element.dataset.state = state;
}

function showPart(data) {
  const part = parts.get(`${data.connection} ${data.endpoint}`);
  const { element } = part;
  if (part.state !== data.state) announce(`${data.endpoint} of ${data.connection}: ${part.state} → ${data.state}`);
  Object.assign(part, { data, state: data.state });
  showState(element, data.state);
  element.querySelector(".client").textContent = data.label;
  element.querySelector(".rate").textContent = fixed(data.rate);
  part.sparkline.add(data.rate);
  showFigures(element.querySelector(".figures"), figures(data));
  const held = data.role === "sink" ? "waiting or in hand" : "free to fill";
  const label = `${data.occupancy} of ${data.queue} frames ${held}`;
  fillSegments(element.querySelector(".segments"), data.occupancy, data.queue, label, data.role === "sink");
  const detail = element.querySelector(".detail");
  detail.hidden = !data.detail || data.state === "Flowing";
  detail.textContent = data.detail;
  for (const action of ["restart", "kill"]) element.querySelector(`.${action}`).disabled = !data.actions.includes(action);
}

function showFlow(flow) {
  const element = flows.get(flow.connection);
  const header = element.querySelector("header");
  showState(header, flow.state);
  header.querySelector(".payload").textContent = flow.label;
  header.querySelector(".detail").textContent = flow.state === "Flowing" ? "" : flow.detail;
  const pool = element.querySelector(".pool");
  const inUse = flow.pool_frames - flow.pool_free;
  pool.dataset.state = flow.state;
  pool.querySelector(".seal").title = flow.sealed ? "The memory is sealed: nobody but its source can ever map it writable" : "";
  pool.querySelector(".rate").textContent = fixed(flow.rate);
  pool.querySelector(".megabits").textContent = `${fixed(flow.megabits)} Mbit/s, ${count(flow.frames)} frames`;
  pool.querySelector(".memory").textContent = `${inUse} of ${flow.pool_frames} frames in use, ${bytes(flow.pool_bytes)}`;
  const seal = pool.querySelector(".seal");
  seal.textContent = flow.sealed ? "read-only for every consumer" : "not sealed";
  fillSegments(pool.querySelector(".segments"), inUse, flow.pool_frames, `${inUse} of ${flow.pool_frames} frames in use`);
  [flow.source, ...flow.sinks].forEach(showPart);
  drawArrows(element.querySelector(".graph"));
}

function showHub(hub) {
  id("kill-hub").disabled = id("upgrade").disabled = !hub;
  if (!hub) return showFigures(id("hub"), [["bad", "hub", "not running"]]);
  if (hubPid && hubPid !== hub.pid) announce(`the hub is now process ${hub.pid} (was ${hubPid})`);
  hubPid = hub.pid;
  showFigures(id("hub"), [
    ["", "hub", `pid ${hub.pid}`],
    ["", "engine", `${(hub.cpu * 100).toFixed(1)} % of a core`],
    ["", "copied", bytes(hub.bytes_copied)],
    ["", "pools", bytes(hub.memory_bytes)],
    ["", "hand-overs", count(hub.handovers)],
  ]);
}

function showProblems(problems) {
  const lines = Object.entries(problems).map(([subject, message]) => text("li", `${subject}: ${message}`));
  id("problems").hidden = lines.length === 0;
  id("problems").replaceChildren(...lines);
}

// The parts are drawn anew only when the plan has others than before.
let drawn = "";
function show(picture) {
  const shape = JSON.stringify(picture.flows.map((flow) => [flow.connection, flow.source.endpoint, flow.sinks.map((s) => s.endpoint)]));
  if (shape !== drawn) {
    drawn = shape;
    parts.clear();
    flows.clear();
    id("flows").replaceChildren();
    picture.flows.forEach(makeFlow);
  }
  id("node").textContent = picture.node;
  showHub(picture.hub);
  showProblems(picture.problems);
  picture.flows.forEach(showFlow);
}

function switchTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
}

function chosen() {
  const element = document.activeElement?.closest(".part");
  return [...parts.values()].find((part) => part.element === element);
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const keys = {
    u: upgradeHub, h: killHub, t: switchTheme, "?": () => id("keys").showModal(),
    k: () => chosen() && press(chosen(), "kill"), r: () => chosen() && press(chosen(), "restart"),
  };
  if (event.key >= "1" && event.key <= "9") [...parts.values()][event.key - 1]?.element.focus();
  else keys[event.key]?.();
}

function listen() {
  const events = new EventSource("/api/events");
  events.onopen = () => (id("offline").hidden = true);
  events.onerror = () => (id("offline").hidden = false);
  events.onmessage = (event) => show(JSON.parse(event.data));
}

document.documentElement.dataset.theme = localStorage.getItem("theme") || "";
id("upgrade").addEventListener("click", upgradeHub);
id("kill-hub").addEventListener("click", killHub);
id("theme").addEventListener("click", switchTheme);
id("help").addEventListener("click", () => id("keys").showModal());
document.addEventListener("keydown", onKey);
addEventListener("resize", () => document.querySelectorAll(".graph").forEach(drawArrows));
listen();
