// The official client, made visible for the tests of a server.
//
//   node socketio_client.mjs '{"url": "http://127.0.0.1:5000", "options": {…}}'
//
// What it sees goes to stdout, one JSON object a line: {"saw": …, "namespace": …}. What it shall do
// comes over stdin the same way: {"do": …, "namespace": …}. Bytes are {"$bytes": "<base64>"}.
// Every event that wants an acknowledgement is acknowledged with its own arguments, but for those
// called `silent`. Events called `number` are collected until it is told to `report`.

import http from 'node:http';
import readline from 'node:readline';
import { Manager } from 'socket.io-client';

const { url, options = {}, socket: shared = {} } = JSON.parse(process.argv[2]);

// One connection a request, as without an agent; but through this one they can be found and cut.
const agent = new http.Agent();
const manager = new Manager(url, { agent, reconnectionDelay: 10, reconnectionDelayMax: 100, ...options });
const sockets = {}, numbers = {};

const readable = (value) => {
    if (value instanceof Uint8Array || value instanceof ArrayBuffer) return { $bytes: Buffer.from(value).toString('base64') };
    if (Array.isArray(value)) return value.map(readable);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, readable(inner)]));
};
const meant = (value) => {
    if (Array.isArray(value)) return value.map(meant);
    if (value === null || typeof value !== 'object') return value;
    if ('$bytes' in value) return Buffer.from(value.$bytes, 'base64');
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, meant(inner)]));
};
const say = (saw, rest = {}) => process.stdout.write(JSON.stringify({ saw, ...rest }) + '\n');

manager.on('open', () => {
    const engine = manager.engine;
    say('open', { transport: engine.transport.name });
    engine.on('upgrade', (transport) => say('upgrade', { transport: transport.name }));
    engine.on('upgradeError', (error) => say('upgrade_error', { message: error.message }));
});
manager.on('reconnect_attempt', (attempt) => say('reconnect_attempt', { attempt }));

function enter(namespace, auth) {
    const socket = sockets[namespace] = manager.socket(namespace, { auth, ...shared });
    const sees = (saw, rest) => say(saw, { namespace, ...rest });
    numbers[namespace] = [];
    socket.on('connect', () => sees('connect', { id: socket.id, transport: manager.engine.transport.name }));
    socket.on('disconnect', (reason) => sees('disconnect', { reason }));
    socket.on('connect_error', (error) => sees('connect_error', { message: error.message, data: error.data ?? null }));
    socket.onAny((name, ...rest) => {
        const answer = typeof rest.at(-1) === 'function' ? rest.pop() : undefined;
        if (name === 'number') return numbers[namespace].push(rest[0]);
        sees('event', { name, arguments: readable(rest) });
        if (answer && name !== 'silent') answer(...rest);
    });
}

// A network that fails: the TCP connections end here and now, and nobody says goodbye.
function cut() {
    manager.engine.transport.ws?.terminate();
    for (const connection of Object.values(agent.sockets).flat()) connection.destroy();
}

// Numbers on and on, a few each turn, so that everything else can happen between them.
function count(socket, name, next, end) {
    for (const stop = Math.min(next + 10, end); next < stop; next += 1) socket.emit(name, next);
    if (next < end) setImmediate(count, socket, name, next, end);
}

const orders = {
    cut,
    enter: ({ namespace, auth }) => enter(namespace, auth),
    leave: ({ namespace }) => sockets[namespace].disconnect(),
    come: ({ namespace }) => sockets[namespace].connect(),
    emit: ({ namespace, name, arguments: rest }) => sockets[namespace].emit(name, ...meant(rest)),
    count: ({ namespace, name, end }) => count(sockets[namespace], name, 0, end),
    report: ({ namespace }) => say('numbers', { namespace, numbers: numbers[namespace] }),
    ask: async ({ namespace, name, arguments: rest, timeout }) => {
        const asked = timeout === undefined ? sockets[namespace] : sockets[namespace].timeout(timeout);
        try {
            const answer = await asked.emitWithAck(name, ...meant(rest));
            say('answer', { namespace, name, answer: readable(answer) ?? null });
        } catch (error) {
            say('no_answer', { namespace, name, message: error.message });
        }
    },
    quit: () => process.exit(),
};

readline.createInterface({ input: process.stdin })
    .on('line', (line) => {
        const order = JSON.parse(line);
        orders[order.do]({ namespace: '/', arguments: [], ...order });
    })
    .on('close', () => process.exit());
