// A page's messages as server-sent events, behind the face of a WebSocket: for networks that let none through. It comes when two
// connections in a row were closed before they were open, though the server answers.

/** @typedef {import("./socket.js").Wire} Wire */

/** @implements {Wire} */
class Events {
  /** @type {Wire["onopen"]} */ onopen = null;
  /** @type {Wire["onmessage"]} */ onmessage = null;
  /** @type {Wire["onclose"]} */ onclose = null;
  readyState = 1;
  /** @type {EventSource|null} */ #source = null;
  #base;
  #code;

  /** @param {string} base the server's address with the path that a proxy puts before every URL @param {string} code names this code's version, as a parameter */
  constructor(base, code) {
    this.#base = base;
    this.#code = code;
    queueMicrotask(() => this.onopen?.({}));
  }

  /** Every watch is a stream of its own, from its beginning. @param {string} text */
  send(text) {
    const { page, definition = "" } = JSON.parse(text), asked = `page=${encodeURIComponent(page)}`;
    this.#source?.close();
    const source = new EventSource(`${this.#base}/api/v1/events?${asked}${definition && `&definition=${encodeURIComponent(definition)}`}${this.#code && `&${this.#code}`}`);
    this.#source = source;
    let answered = false;
    source.onmessage = ({ data }) => {
      if (source !== this.#source) return;
      const m = JSON.parse(data);
      if (!answered && m.type !== "watching") this.#say({ type: "watching", watch: page, page: m.page });
      answered = true;
      this.onmessage?.({ data });
    };
    source.onerror = async () => {
      source.close(); // it would come back by itself, and not as the server wants
      const why = answered ? null : await fetch(`${this.#base}/api/v1/page?${asked}`).then((r) => (r.ok ? null : r.json()), () => null).catch(() => null);
      if (source !== this.#source) return;
      if (why?.error?.code === "unauthorized") { // as the socket says it
        this.close();
        return this.onclose?.({ code: 1008 });
      }
      if (why?.error) return this.#say({ type: "error", watch: page, ...why.error });
      this.close();
      this.onclose?.({ code: 1006 });
    };
  }

  close() {
    this.readyState = 3;
    this.#source?.close();
    this.#source = null;
  }

  /** @param {object} m */
  #say(m) { this.onmessage?.({ data: JSON.stringify(m) }); }
}

/** Opens one in the place of a WebSocket. @param {string} url of the socket @returns {Wire} */
export function open(url) {
  const [socket, code = ""] = url.replace(/^ws/, "http").split("?");
  return new Events(socket.replace(/\/live$/, ""), code);
}
