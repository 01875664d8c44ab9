// A client written from the streaming guide alone, made visible for the tests.
//
//   node guide_client.mjs '{"url": "http://localhost:5000", "query": {"session_id": "…"}}'
//
// It knows no last_event_id and sends no acknowledgements (unless `remember` asks for the
// callback form of `auth`). What it sees goes to stdout, one JSON object a line; what it is told
// comes over stdin the same way: {"do": "subscribe", "argument": {…}}.

import http from 'node:http';
import readline from 'node:readline';
import { io } from 'socket.io-client';

const { url, query, remember, transports, cuts = [] } = JSON.parse(process.argv[2]);

// One connection a request, as without an agent; but through this one they can be found and cut.
const agent = new http.Agent();
const options = { agent, reconnectionDelay: 20, reconnectionDelayMax: 500 };
if (transports) options.transports = transports;

let last_event_id;

// As in the guide, or as in docs/websocket_reference.md.
const socket = remember
    ? io(url, { ...options, auth: (callback) => callback({ ...query, last_event_id }) })
    : io(url, { ...options, query });

const say = (saw, rest = {}) => process.stdout.write(JSON.stringify({ saw, ...rest }) + '\n');

socket.on('connect', () => say('connect', { transport: socket.io.engine.transport.name }));
socket.on('disconnect', (reason) => say('disconnect', { reason }));
socket.on('connect_error', (error) => {
    say('connect_error', { message: error.message, data: error.data ?? null });
});
socket.on('subscription_confirmed', (data) => say('subscription_confirmed', { data }));
socket.on('error', (data) => say('error', { data }));

let updates = 0;
let cutting = false;

// A poll may bring more than one cut's worth: each cut is of a connection of its own.
function cutIfDue() {
    if (cutting || !cuts.length || updates < cuts[0]) return;
    cutting = true;
    cuts.shift();
    if (socket.io.engine.transport.ws) cut();
    else setImmediate(cut);  // The next poll is out by then.
}

socket.on('connect', () => {
    cutting = false;
    cutIfDue();
});
socket.on('stream_event', (event) => {
    say('stream_event', { event });
    if (event.event_id) last_event_id = event.event_id;
    updates += event.event_type === 'data_update';
    cutIfDue();
});

// A network that fails: the TCP connections end here and now, and nobody says goodbye.
function cut() {
    socket.io.engine.transport.ws?.terminate();
    for (const connection of Object.values(agent.sockets).flat()) connection.destroy();
}

const orders = {
    cut,
    leave: () => socket.disconnect(),
    come: () => socket.connect(),
    subscribe: ({ argument }) => {
        socket.emit('subscribe_data', argument, (answer) => say('acknowledgement', { answer }));
    },
    quit: () => {
        socket.disconnect();
        process.exit();
    },
};

readline.createInterface({ input: process.stdin })
    .on('line', (line) => {
        const order = JSON.parse(line);
        orders[order.do](order);
    })
    .on('close', () => process.exit());
