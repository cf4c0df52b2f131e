/**
 * A restricted unpickler: the opcodes torch emits (protocols 1 to 5), and only objects from the whitelist in `pickle-allow.ts`.
 *
 * npm's pickleparser is not used here. It calls whatever sits on the stack (`func(...args)`), lets BUILD assign to any object, sets dict
 * keys on plain objects (`__proto__`), reads a 10-byte integer as 8 (torch's magic number), spreads lists into calls (a long one
 * overflows the stack), and has no limit on work. Source of the opcodes: CPython Lib/pickletools.py.
 */
import { LoupeError } from "../../error.ts";
import { allowedName } from "./pickle-allow.ts";
import { ByteCursor, narrow } from "./pickle-bytes.ts";
import { Inert, Name, refuse, TensorRef, type Value } from "./pickle-values.ts";

/** Real checkpoints stay far below: HRNet-W48 with Adam's state takes about 300 000 opcodes and 40 000 containers. */
const maxOps = 20_000_000;
const maxContainers = 1_000_000;

/** Turns a persistent id (torch: a storage's description) into a value. */
export type PersistentLoad = (id: Value) => Value;

class Machine {
  readonly cursor: ByteCursor;
  readonly load: PersistentLoad;
  readonly stack: Value[] = [];
  readonly marks: number[] = [];
  readonly memo = new Map<number, Value>();
  #containers = 0;

  constructor(cursor: ByteCursor, load: PersistentLoad) {
    this.cursor = cursor;
    this.load = load;
  }

  fail(message: string): never {
    throw new LoupeError("checkpoint", `pickle: ${message} (before byte ${this.cursor.at})`);
  }

  pop(): Value {
    if (this.stack.length <= (this.marks.at(-1) ?? 0))
      this.fail("takes a value from an empty stack");
    return this.stack.pop()!;
  }

  top(): Value {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }

  popMark(): Value[] {
    const mark = this.marks.pop();
    if (mark === undefined) this.fail("closes a mark that was never set");
    return this.stack.splice(mark);
  }

  /** Pushes a new container, and counts it and what it copies. */
  make(value: Value, copied = 0): void {
    this.#containers += 1 + copied;
    if (this.#containers > maxContainers)
      this.fail(`holds more than ${maxContainers} objects; this is no checkpoint of weights`);
    this.stack.push(value);
  }

  list(): Value[] {
    const list = this.top();
    return Array.isArray(list) ? list : this.fail("appends to something that is not a list");
  }

  setItems(items: Value[]): void {
    const dict = this.top();
    if (items.length % 2 === 1) this.fail("a dict has a key without a value");
    // Items of a Counter or another inert object go nowhere.
    if (dict instanceof Inert) return;
    if (!(dict instanceof Map)) this.fail("sets an item of something that is not a dict");
    for (let i = 0; i < items.length; i += 2) dict.set(items[i]!, items[i + 1]!);
  }

  remember(index: number): void {
    this.memo.set(index, this.top());
  }

  recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) this.fail(`recalls entry ${index}, which was never stored`);
    this.stack.push(value);
  }

  call(callee: Value, args: Value): void {
    if (!(callee instanceof Name)) this.fail("calls something that is not a name");
    if (!Array.isArray(args)) this.fail(`calls ${callee.name} without a tuple of arguments`);
    if (callee.build === undefined) refuse(callee.name, "it may be named but not called");
    const copied = Array.isArray(args[0]) ? args[0].length : 0;
    this.make(callee.build(args), copied);
  }

  /** BUILD sets attributes; the objects here have none that matter (OrderedDict's `_metadata`, a numpy dtype's byte order). */
  setState(): void {
    this.pop();
    const target = this.top();
    const known = target instanceof Map || target instanceof Inert || target instanceof TensorRef;
    if (!known) this.fail("sets the state of something that has none");
  }
}

const decimal = /^[+-]?\d{1,40}$/;

function textInteger(m: Machine, line: string): Value {
  if (line === "00" || line === "01") return line === "01";
  const digits = line.replace(/L$/, "");
  return decimal.test(digits) ? narrow(BigInt(digits)) : m.fail("an integer is not decimal");
}

function global(m: Machine): Name {
  const module = m.cursor.line();
  return allowedName(module, m.cursor.line());
}

function stackGlobal(m: Machine): Name {
  const name = m.pop();
  const module = m.pop();
  if (typeof name !== "string" || typeof module !== "string") m.fail("a global's name is not text");
  return allowedName(module, name);
}

function tuple(m: Machine, length: number): void {
  const items = Array.from({ length }, () => m.pop());
  m.make(items.reverse());
}

function dictOf(m: Machine): void {
  const items = m.popMark();
  m.make(new Map());
  m.setItems(items);
}

function instance(m: Machine): void {
  const cls = global(m);
  m.call(cls, m.popMark());
}

function object(m: Machine): void {
  const [cls, ...args] = m.popMark();
  m.call(cls ?? null, args);
}

function reduce(m: Machine): void {
  const args = m.pop();
  m.call(m.pop(), args);
}

const refused = (what: string) => (): never => refuse(what, "torch writes no such thing");
const textOpcode = (m: Machine): never => m.fail("protocol 0 (text) is not read, torch writes 2");

/** Opcode to action. STOP is handled by the loop. */
const actions: Readonly<Record<string, (m: Machine) => void>> = {
  "\x80": (m) => {
    const version = m.cursor.u8();
    if (version > 5) m.fail(`protocol ${version}, at most 5 is known`);
  },
  // A frame's length helps whoever reads from a stream.
  "\x95": (m) => void m.cursor.skip(8),
  "(": (m) => m.marks.push(m.stack.length),
  "0": (m) => (m.stack.length > (m.marks.at(-1) ?? 0) ? m.stack.pop() : m.popMark()),
  "1": (m) => m.popMark(),
  "2": (m) => m.stack.push(m.top()),
  N: (m) => m.stack.push(null),
  "\x88": (m) => m.stack.push(true),
  "\x89": (m) => m.stack.push(false),
  I: (m) => m.stack.push(textInteger(m, m.cursor.line())),
  L: (m) => m.stack.push(textInteger(m, m.cursor.line())),
  J: (m) => m.stack.push(m.cursor.i32()),
  K: (m) => m.stack.push(m.cursor.u8()),
  M: (m) => m.stack.push(m.cursor.u16()),
  "\x8a": (m) => m.stack.push(m.cursor.integer(m.cursor.u8())),
  "\x8b": (m) => m.stack.push(m.cursor.integer(m.cursor.u32())),
  G: (m) => m.stack.push(m.cursor.f64()),
  // Python 2 strings: bytes by type, names in practice.
  T: (m) => m.stack.push(m.cursor.latin1(m.cursor.u32())),
  U: (m) => m.stack.push(m.cursor.latin1(m.cursor.u8())),
  X: (m) => m.stack.push(m.cursor.utf8(m.cursor.u32())),
  "\x8c": (m) => m.stack.push(m.cursor.utf8(m.cursor.u8())),
  "\x8d": (m) => m.stack.push(m.cursor.utf8(m.cursor.u64())),
  B: (m) => m.make(m.cursor.raw(m.cursor.u32())),
  C: (m) => m.make(m.cursor.raw(m.cursor.u8())),
  "\x8e": (m) => m.make(m.cursor.raw(m.cursor.u64())),
  "\x96": (m) => m.make(m.cursor.raw(m.cursor.u64())),
  ")": (m) => m.make([]),
  "]": (m) => m.make([]),
  "}": (m) => m.make(new Map()),
  "\x8f": (m) => m.make(new Inert("builtins.set")),
  "\x85": (m) => tuple(m, 1),
  "\x86": (m) => tuple(m, 2),
  "\x87": (m) => tuple(m, 3),
  t: (m) => m.make(m.popMark()),
  l: (m) => m.make(m.popMark()),
  d: dictOf,
  "\x91": (m) => {
    m.popMark();
    m.make(new Inert("builtins.frozenset"));
  },
  a: (m) => {
    const item = m.pop();
    m.list().push(item);
  },
  e: (m) => {
    const items = m.popMark();
    const list = m.list();
    for (const item of items) list.push(item);
  },
  s: (m) => {
    const value = m.pop();
    const key = m.pop();
    m.setItems([key, value]);
  },
  u: (m) => m.setItems(m.popMark()),
  "\x90": (m) => {
    m.popMark();
    if (!(m.top() instanceof Inert)) m.fail("adds to something that is not a set");
  },
  q: (m) => m.remember(m.cursor.u8()),
  r: (m) => m.remember(m.cursor.u32()),
  "\x94": (m) => m.remember(m.memo.size),
  h: (m) => m.recall(m.cursor.u8()),
  j: (m) => m.recall(m.cursor.u32()),
  c: (m) => m.stack.push(global(m)),
  "\x93": (m) => m.stack.push(stackGlobal(m)),
  R: reduce,
  "\x81": reduce,
  i: instance,
  o: object,
  b: (m) => m.setState(),
  Q: (m) => m.stack.push(m.load(m.pop())),
  S: textOpcode,
  V: textOpcode,
  F: textOpcode,
  p: textOpcode,
  g: textOpcode,
  "\x92": refused("a class with keyword arguments"),
  "\x82": refused("a registered extension"),
  "\x83": refused("a registered extension"),
  "\x84": refused("a registered extension"),
  P: refused("a text persistent id"),
  "\x97": refused("an out-of-band buffer"),
  "\x98": refused("an out-of-band buffer"),
};
const table = Array.from({ length: 256 }, (_, code) => actions[String.fromCharCode(code)]);
const stop = ".".charCodeAt(0);

/**
 * Reads one pickle that begins at byte `at`. Returns its value and where it ends. Iterative, bounded in work and in memory, and builds
 * nothing that is not on the whitelist.
 */
export function unpickle(
  bytes: Uint8Array,
  load: PersistentLoad,
  at = 0,
): { value: Value; end: number } {
  const cursor = new ByteCursor(bytes, at);
  const machine = new Machine(cursor, load);
  for (let ops = 0; ops < maxOps; ops++) {
    const code = cursor.u8();
    if (code === stop) return { value: machine.pop(), end: cursor.at };
    const action = table[code];
    if (action === undefined)
      return machine.fail(`unknown opcode 0x${code.toString(16).padStart(2, "0")}`);
    action(machine);
  }
  return machine.fail(`takes more than ${maxOps} steps; this is no checkpoint of weights`);
}
