// Node's socket.io, obeying the same orders as serving.py: node --expose-gc node.mjs PORT CONTROL SHAPE
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createControl } from "node:net";
import { createInterface } from "node:readline";
import { setImmediate as yielded, setTimeout as slept } from "node:timers/promises";
import { Server } from "socket.io";

const [port, control, shapeFile] = process.argv.slice(2);
const shape = JSON.parse(readFileSync(shapeFile, "utf8"));
const FLIGHT = 10_000, FLIGHT_EACH = 500;
const text = "x".repeat(shape.room);
const epoch = shape.event.event_id.replace(/-0$/, "");

const http = createServer();
const io = new Server(http);
const sockets = [];
io.on("connection", (socket) => {
  socket.join("all");
  sockets.push(socket);
  socket.on("disconnect", () => sockets.splice(sockets.indexOf(socket), 1));
});

let total = 0, moved = () => {}, rest = Buffer.alloc(0);
createControl((connection) => {
  total = 0;
  rest = Buffer.alloc(0);
  connection.on("error", () => {});
  connection.on("data", (chunk) => {
    const data = Buffer.concat([rest, chunk]);
    const whole = data.length - (data.length % 8);
    rest = data.subarray(whole);
    if (whole) total = Number(data.readBigUInt64BE(whole - 8));
    moved();
  });
}).listen(Number(control), "127.0.0.1");

async function reach(wanted) {
  while (total < wanted) await new Promise((resolve) => (moved = resolve));
}

const sent = new Map();
function event(to) {
  const n = (sent.get(to) ?? 0) + 1;
  sent.set(to, n);
  const { data } = shape.event;
  const subject = process.hrtime.bigint().toString().padStart(20, "0");
  const body_text = text.slice(0, shape.room - 2 * (String(n).length - 1));
  return {
    ...shape.event,
    event_id: `${epoch}-${n}`,
    offset: n,
    data: { ...data, payload: { ...data.payload, subject, body_text } },
  };
}

function put(order, number) {
  if (order.to === "all") {
    io.to("all").emit("stream_event", event("all"));
  } else {
    const to = number % sockets.length;
    sockets[to].emit("stream_event", event(to));
  }
}

async function obey(order) {
  globalThis.gc();
  if (order.do === "rest") return {};
  const fan = order.to === "all" ? sockets.length - (order.stalled ?? 0) : 1;
  const flight = Math.min(FLIGHT, FLIGHT_EACH * sockets.length);
  const base = total, start = performance.now();
  let events = 0;
  const breathe = async () => {
    await yielded();
    const due = base + events * fan;
    if (due - total > flight) await reach(due - flight);
  };
  const passed = () => (performance.now() - start) / 1000;
  if (order.do === "flood") {
    while (passed() < order.seconds) {
      for (let k = 0; k < order.burst; k += 1) put(order, events++);
      await breathe();
    }
  } else if (order.do === "offer") {
    while (events < order.events) {
      put(order, events++);
      if (events % 16 === 0) await breathe();
    }
  } else {
    while (passed() < order.seconds) {
      while (events < passed() * order.rate) put(order, events++);
      await slept(1);
    }
  }
  await reach(base + events * fan);
  return { events: events * fan, wall: passed() };
}

http.listen(Number(port), "127.0.0.1", 4096, async () => {
  console.log(JSON.stringify({ hello: ["40"], loop: "node" }));
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await obey(JSON.parse(line))));
  }
  process.exit(0);
});
