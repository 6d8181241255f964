"use strict";

const byId = (id) => document.getElementById(id);

// The newest orders that a list shows.
const SHOWN = 50;

function show(list, order) {
  const line = document.createElement("li");
  line.dataset.id = order.id;
  line.textContent = `#${order.id} ${order.quantity} × ${order.item} for ${order.customer}`;
  list.prepend(line);
  while (list.children.length > SHOWN) list.lastChild.remove();
}

// ---- Stored orders, by server-sent events -----------------------------------------------------------

let lastId = null;
let events = null;

function state(text) {
  byId("state").textContent = text;
}

function watch() {
  events?.close();
  events = new EventSource("/events" + (lastId ? `?since=${encodeURIComponent(lastId)}` : ""));
  events.onopen = () => state("live");
  events.addEventListener("start-over", (event) => {
    lastId = event.lastEventId;
    byId("orders").replaceChildren();
  });
  events.addEventListener("order", (event) => {
    lastId = event.lastEventId;
    show(byId("orders"), JSON.parse(event.data));
  });
  events.addEventListener("cut-off", (event) => state(`cut off, coming back: ${event.data}`));
  events.addEventListener("farewell", (event) => state(`waiting: ${event.data}`));
  events.onerror = () => {
    if (!byId("state").textContent.startsWith("waiting")) state("reconnecting");
    // The browser comes back by itself, with the last id, unless the answer was an error.
    if (events.readyState === EventSource.CLOSED) setTimeout(watch, 1000);
  };
}

// Shown for the first time, or again by "back", when the page goes on where it was.
addEventListener("pageshow", watch);
// Without this, a page that is left would keep one of the six connections that a browser has.
addEventListener("pagehide", () => events.close());

// ---- Ordering ------------------------------------------------------------------------------------------

byId("order").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const order = {
    customer: form.get("customer"),
    item: form.get("item"),
    quantity: Number(form.get("quantity")),
  };
  byId("answer").textContent = "…";
  try {
    const response = await send("POST", "/orders", order);
    const answer = await response.json();
    const failed = (answer.failed || []).map(({ name, cause }) => `${name} ${cause}`);
    const late = (answer.late || []).map((name) => `${name} is late`);
    const text = answer.error || [answer.receipt, ...failed, ...late].join("; ");
    byId("answer").textContent = `${response.status}: ${text}`;
  } catch (error) {
    byId("answer").textContent = `not sent: ${error.message}`;
  }
});

byId("kitchen").addEventListener("change", (event) => send("PUT", "/kitchen", event.target.checked));

function send(method, path, body) {
  const headers = { "Content-Type": "application/json" };
  return fetch(path, { method, headers, body: JSON.stringify(body) });
}

// ---- Orders of one customer, by WebSocket -----------------------------------------------------------

let socket = null;

byId("follow").addEventListener("submit", (event) => {
  event.preventDefault();
  socket?.close();
  byId("customer-orders").replaceChildren();
  const customer = new FormData(event.target).get("customer");
  const own = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/customers/${encodeURIComponent(customer)}/ws`);
  socket = own;
  const say = (text) => {
    if (socket === own) byId("customer-state").textContent = text;
  };
  own.onopen = () => say(`following ${customer}`);
  own.onmessage = (message) => {
    if (socket === own) show(byId("customer-orders"), JSON.parse(message.data));
  };
  own.onclose = (close) => say(`closed: ${close.reason || close.code}`);
});
