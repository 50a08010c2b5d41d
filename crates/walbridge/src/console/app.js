// The console's script. A view is a function of the state that /ui/state answers; `morph` brings the page there, so that
// focus, open details and scroll positions stay. Text reaches the page as text nodes and attributes only.
"use strict";

const PERIOD_MS = 2000;
const SVG = "http://www.w3.org/2000/svg";
let state = null;

// ── building ────────────────────────────────────────────────────────────────────────────────────────────────────────

function make(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false).map(
    (child) => (child instanceof Node ? child : String(child))));
  return node;
}
const h = (tag, attributes, ...children) => make(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) => make(document.createElementNS(SVG, tag), attributes, children);

function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  children(old, [...fresh.childNodes]);
}

function children(parent, fresh) {
  const old = [...parent.childNodes];
  fresh.forEach((node, index) => (index < old.length ? morph(old[index], node) : parent.append(node)));
  old.slice(fresh.length).forEach((node) => node.remove());
}

const put = (id, ...nodes) => children(document.getElementById(id), nodes.flat().filter(Boolean).map(
  (node) => (node instanceof Node ? node : document.createTextNode(String(node)))));

// ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const whole = new Intl.NumberFormat("en");
const number = (value) => (value === null || value === undefined ? "–" : whole.format(Math.round(value)));

function bytes(value) {
  if (value === null || value === undefined) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let left = Math.max(0, value);
  while (left >= 1000 && unit < units.length - 1) { left /= 1000; unit += 1; }
  return `${left.toFixed(unit === 0 || left >= 100 ? 0 : 1)} ${units[unit]}`;
}

function span(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  if (ms < 120000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 7200000 ? `${Math.round(ms / 60000)} min` : `${Math.round(ms / 3600000)} h`;
}

const clock = (ms) => new Date(ms).toISOString().slice(11, 23);
const last = (values) => (values.length ? values[values.length - 1] : null);
const MARKS = { RUNNING: "●", FAILED: "✖", PAUSED: "❚❚", STOPPED: "■", RESTARTING: "↻", UNASSIGNED: "○" };
const badge = (word) => h("span", { class: `state ${word}` }, `${MARKS[word] ?? "○"} ${word}`);

/** The connector's state, or the worst of its tasks'. */
const overall = (connector) => (connector.tasks.some((task) => task.state === "FAILED") ? "FAILED" : connector.state);

// ── views ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Seconds without a value (nothing was acknowledged) are drawn through. */
function spark(values, label) {
  const top = Math.max(1, ...values.map((value) => value ?? 0));
  const step = 100 / Math.max(1, values.length - 1);
  const x = (index) => (index * step).toFixed(2);
  const known = values.map((value, index) => [value, index]).filter(([value]) => value !== null);
  const line = known.map(([value, index]) => `${x(index)},${(30 - (value / top) * 28).toFixed(2)}`).join(" ");
  const ends = known.length ? [known[0][1], known[known.length - 1][1]] : [0, 0];
  return s("svg", { class: "spark", viewBox: "0 0 100 30", preserveAspectRatio: "none", role: "img", "aria-label": label },
    s("polygon", { points: `${x(ends[0])},30 ${line} ${x(ends[1])},30` }),
    s("polyline", { points: line }));
}

function tile(title, values, format, note) {
  const known = values.filter((value) => value !== null);
  const now = format(last(known));
  const most = format(known.length ? Math.max(...known) : null);
  return h("section", { class: "panel", "aria-label": title },
    h("h3", null, title), h("p", { class: "now" }, now),
    spark(values, `${title}: now ${now}, at most ${most} in the last ${values.length} seconds`),
    h("p", { class: "quiet" }, `at most ${most}${note ? `; ${note}` : ""}`));
}

function figures(live) {
  const { history, queue, counters } = live;
  const used = queue.capacity > 0 ? queue.used / queue.capacity : 0;
  return h("div", { class: "tiles" },
    tile("Throughput", history.records, (value) => `${number(value)}/s`, `${number(counters.records)} records since the start`),
    tile("Not yet confirmed", history.lag_bytes, bytes),
    tile("Commit to ack", history.latency_ms, span),
    h("section", { class: "panel", "aria-label": "Queue" },
      h("h3", null, "Queue"), h("p", { class: "now" }, bytes(queue.used)),
      h("meter", { min: 0, max: 1, value: used.toFixed(3), "aria-label": "Queue fill" }),
      h("p", { class: "quiet" }, `of ${bytes(queue.capacity)}; ${number(live.in_flight)} records are on their way to the brokers`)));
}

const pairs = (all) => h("dl", null, all.map(([name, value]) => [h("dt", null, name), h("dd", null, value)]));
const mono = (text) => h("span", { class: "mono" }, text ?? "–");

function slot(live) {
  const server = live.server ?? {};
  const known = live.server && !server.error;
  return h("section", { class: "panel", "aria-label": "Slot and WAL" }, h("h3", null, "Slot and WAL"),
    server.error ? h("p", { class: "quiet" }, `Postgres does not tell: ${server.error}`) : null,
    pairs([
      ["Database", mono(live.database)],
      ["Slot", [mono(live.slot), known ? ` ${server.active ? "active" : "not active"}, ${server.wal_status || "no status"}` : ""]],
      ["Publication", mono(live.publication)],
      ["WAL kept for it", known ? [bytes(server.retained_bytes), server.safe_bytes === null ? "" : `, ${bytes(server.safe_bytes)} until the slot may be lost`] : "–"],
      ["WAL not confirmed", known ? bytes(server.unconfirmed_bytes) : "–"],
      ["End of WAL", mono(server.end)],
      ["Received", mono(live.received)],
      ["Confirmed", mono(live.confirmed)],
    ]));
}

function changes(live) {
  const { counters } = live;
  return h("section", { class: "panel", "aria-label": "Changes since the start" }, h("h3", null, "Changes since the start"),
    pairs([
      ["Phase", live.phase],
      ["Read by the snapshot", number(counters.reads)], ["Inserts", number(counters.creates)], ["Updates", number(counters.updates)],
      ["Deletes", number(counters.deletes)], ["Truncates", number(counters.truncates)],
      ["Of other tables", number(counters.filtered)], ["Skipped", number(counters.skipped)], ["Received", bytes(live.bytes)],
    ]));
}

function progress(table, done) {
  if (table.rows === null) return "–";
  const estimate = Math.max(table.estimate, 0);
  if (done) return `complete, ${number(table.rows)} rows`;
  if (estimate === 0) return `${number(table.rows)} rows`;
  const part = Math.min(0.99, table.rows / estimate);
  return [h("progress", { max: 1, value: part.toFixed(3), "aria-label": `Snapshot of ${table.name}` }),
    ` ${Math.floor(part * 100)} %, ${number(table.rows)} of about ${number(estimate)} rows`];
}

// What came of a table since the task started. Rows beyond those of its snapshot were read again, by an incremental one.
function events(table) {
  if (!table.events) return "–";
  const { c, u, d, r, t } = table.events;
  const again = Math.max(0, r - (table.rows ?? 0));
  const named = [[c, "created"], [u, "updated"], [d, "deleted"], [t, "truncated"], [again, "read again"]];
  const told = named.filter(([count]) => count > 0).map(([count, word]) => `${number(count)} ${word}`);
  const part = table.estimate > 0 && again > 0 ? ` (${Math.min(100, Math.floor(100 * again / table.estimate))} % of the table)` : "";
  return told.length ? told.join(", ") + part : "–";
}

function tables(connector) {
  const { live } = connector;
  const why = connector.signals ? null : "needs signal.data.collection";
  const row = (table) => h("tr", null,
    h("th", { scope: "row" }, table.name), h("td", null, progress(table, live.snapshot_done)),
    h("td", null, events(table)),
    h("td", { class: "number" }, table.estimate < 0 ? "–" : number(table.estimate)),
    h("td", { class: "number" }, h("button", {
      type: "button", disabled: why !== null, title: why, "data-action": "snapshot", "data-connector": connector.name,
      "data-table": table.name, "aria-label": `Incremental snapshot of ${table.name}` }, "Snapshot")));
  return h("section", { class: "panel scroll", "aria-label": "Tables" }, h("h3", null, "Tables"),
    h("table", null,
      h("caption", null, `${number(live.table_count)} captured`, live.table_count > live.tables.length ? `, the first ${live.tables.length} are shown` : "",
        why ? "; an incremental snapshot can be asked for once the connector has signal.data.collection" : ""),
      h("thead", null, h("tr", null, h("th", { scope: "col" }, "Table"), h("th", { scope: "col" }, "Snapshot"),
        h("th", { scope: "col" }, "Events"), h("th", { scope: "col", class: "number" }, "Rows, estimated"), h("th", { scope: "col", class: "number" }, "Read again"))),
      h("tbody", null, live.tables.map(row))));
}

function recent(connector) {
  const { live } = connector;
  const row = (record) => h("tr", null,
    h("td", { class: "mono" }, clock(record.at_ms)), h("td", null, h("span", { class: `op ${record.op}` }, record.op)),
    h("td", null, record.table), h("td", { class: "mono key" }, record.key ?? "–"), h("td", { class: "mono" }, record.lsn),
    state.values ? h("td", { class: "key" }, record.value === null ? "–"
      : h("details", null, h("summary", null, "value"), h("pre", null, record.value))) : null);
  const heads = ["Time, UTC", "Operation", "Table", "Key", "LSN"].concat(state.values ? ["Value"] : []);
  return h("section", { class: "panel scroll", "aria-label": "Recent records" }, h("h3", null, "Recent records"),
    h("table", null,
      h("caption", null, live.recent.length === 0 ? "None since the task started" : "The newest first",
        state.values ? "" : "; values are shown if the worker has walbridge.ui.values=true"),
      h("thead", null, h("tr", null, heads.map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", null, live.recent.map(row))));
}

function failures(connector) {
  const all = [[`Connector`, connector], ...connector.tasks.map((task) => [`Task ${task.id}`, task])];
  return all.filter(([, part]) => part.trace).map(([what, part]) => {
    const cause = part.trace.split("\n").filter((line) => line.startsWith("Caused by:")).pop() ?? part.trace.split("\n")[0];
    return h("section", { class: "panel error", "aria-label": `${what} failed` },
      h("p", null, h("strong", null, `${what} failed: `), cause.replace(/^Caused by: /, "")),
      h("details", null, h("summary", null, "Whole trace"), h("pre", { tabindex: 0 }, part.trace)));
  });
}

function trouble(live) {
  return live?.trouble ? h("p", { class: "panel quiet" }, `Last trouble, ${clock(live.trouble.at_ms)} UTC: ${live.trouble.error}; the task started over`) : null;
}

function action(connector, what, label, disabled) {
  return h("button", { type: "button", "data-action": what, "data-connector": connector.name, disabled,
    "aria-label": `${label} ${connector.name}` }, label);
}

function detail(connector) {
  const paused = connector.state === "PAUSED" || connector.state === "STOPPED";
  const { live } = connector;
  return [
    h("div", { class: "head" }, h("h2", null, connector.name), badge(overall(connector)),
      h("span", { class: "quiet" }, `${connector.tasks.length} ${connector.tasks.length === 1 ? "task" : "tasks"} on ${connector.worker_id}`),
      h("div", { class: "actions" }, action(connector, "pause", "Pause", paused), action(connector, "resume", "Resume", !paused),
        action(connector, "restart", "Restart", connector.state === "STOPPED"))),
    h("div", { class: "failures" }, failures(connector), trouble(live)),
    live ? figures(live) : h("p", { class: "panel quiet" }, "No task of this connector runs on this worker, so there are no figures."),
    live ? h("div", { class: "pair" }, slot(live), changes(live)) : h("div", null),
    live ? tables(connector) : h("div", null),
    live ? recent(connector) : h("div", null),
  ];
}

function nothing() {
  return [h("section", { class: "panel" }, h("h3", null, "No connector yet"),
    h("p", null, "Create one over REST; check it before:"),
    h("pre", { tabindex: 0 }, `walbridge check connector.json\ncurl -X PUT -H 'Content-Type: application/json' --data @connector.json ${location.origin}/connectors/NAME/config`))];
}

function named() {
  try { return decodeURIComponent(location.hash.slice(1)); } catch { return ""; }
}
const chosen = () => state.connectors.find((connector) => connector.name === state.chosen);

function item(connector, current) {
  const { rate } = connector;
  return h("li", null, h("a", { href: `#${encodeURIComponent(connector.name)}`, "aria-current": current ? "true" : null },
    connector.name, h("small", null, badge(overall(connector)), h("span", null, rate === null ? "" : `${number(rate)}/s`))));
}

function show() {
  if (!state) return;
  const { worker, connectors } = state;
  put("worker", `${location.host} · Connect ${worker.version} · Kafka cluster ${worker.kafka_cluster_id}`);
  const connector = chosen();
  put("list", connectors.map((each) => item(each, each === connector)));
  put("main", connector ? detail(connector) : nothing());
  const failed = connectors.filter((each) => overall(each) === "FAILED").length;
  document.title = failed ? `(${failed} failed) walbridge` : "walbridge";
}

// ── talking to the worker ───────────────────────────────────────────────────────────────────────────────────────────

function linked(text, lost) {
  put("link", text);
  document.getElementById("link").className = lost ? "lost" : "";
}

async function load() {
  try {
    const name = named();
    const answer = await fetch(`/ui/state?connector=${encodeURIComponent(name)}`, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`the worker answers ${answer.status}`);
    const fresh = await answer.json();
    // Another connector was chosen meanwhile: its own answer is on its way.
    if (name !== named()) return;
    state = fresh;
    linked("live");
    show();
  } catch (error) {
    linked(`no connection to the worker (${error.message}); what is shown may be old`, true);
  }
}

async function poll() {
  if (!document.hidden) await load();
  setTimeout(poll, PERIOD_MS);
}

let silence = 0;
function say(text) {
  put("said", text);
  clearTimeout(silence);
  silence = setTimeout(() => put("said"), 8000);
}

async function act({ action: what, connector, table }) {
  const target = table ? `${table} of ${connector}` : connector;
  try {
    const answer = await fetch(`/ui/connectors/${encodeURIComponent(connector)}/${what}`, {
      method: "POST", headers: { "Content-Type": "application/json", "X-Walbridge-Console": "1" },
      body: JSON.stringify(table ? { table } : {}) });
    const text = await answer.text();
    let message = "";
    try { message = JSON.parse(text).message ?? ""; } catch { message = text.slice(0, 200); }
    say(answer.ok ? `${what} of ${target}: asked for` : `${what} of ${target}: refused (${answer.status}) ${message}`);
  } catch (error) {
    say(`${what} of ${target}: ${error.message}`);
  }
  await load();
}

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("button[data-action]") : null;
  if (button && !button.disabled) act({ ...button.dataset });
});
addEventListener("hashchange", async () => { await load(); document.getElementById("main").focus(); });
// The address names the connector, so this link must not change it.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("main").focus();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) load(); });

// ── theme ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const THEMES = ["system", "dark", "light"];
function theme(name) {
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  put("theme", `Theme: ${name}`);
}
// Storage may be forbidden: then the choice lasts as long as the page.
const remembered = () => { try { return localStorage.getItem("walbridge.theme"); } catch { return null; } };
let current = THEMES.includes(remembered()) ? remembered() : "system";
theme(current);
document.getElementById("theme").addEventListener("click", () => {
  current = THEMES[(THEMES.indexOf(current) + 1) % THEMES.length];
  theme(current);
  try { localStorage.setItem("walbridge.theme", current); } catch { /* see above */ }
});

poll();
