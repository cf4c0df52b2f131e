/** Which plan an op gets: forced before measured before the first, and only ever one that its shape has. */
import { describe, expect, test } from "vitest";
import { countClass, Planner } from "../../src/core/planner.ts";
import { parsePlanTable } from "../../src/core/planner-table.ts";

const plans = (...names: string[]) => names.map((name) => ({ name }));
const three = plans("wide", "narrow", "plain");
const pick = (planner: Planner, key = "8x8", list = three) =>
  planner.choose("product", key, list).name;

describe("choosing", () => {
  test("without anything known the first of the list is taken", () => {
    expect(pick(new Planner())).toBe("wide");
    expect(() => pick(new Planner(), "8x8", [])).toThrow(
      "product 8x8: there is no plan for this shape",
    );
  });

  test("a measured plan goes before the first, a forced one before both", () => {
    const planner = new Planner();
    planner.use({ "product 8x8": "narrow" });
    expect([pick(planner), pick(planner, "9x9")]).toEqual(["narrow", "wide"]);
    planner.force({ product: "plain" });
    expect([pick(planner), pick(planner, "9x9")]).toEqual(["plain", "plain"]);
    planner.force({ product: "plain", "product 9x9": "narrow" });
    expect([pick(planner), pick(planner, "9x9")]).toEqual(["plain", "narrow"]);
    planner.force({});
    expect(pick(planner)).toBe("narrow");
  });

  test("a measured plan that a shape of the class does not have is not taken, but the next fastest", () => {
    const planner = new Planner();
    planner.use({ "product 8x8": "narrow plain" });
    expect(pick(planner, "8x8", plans("wide", "plain"))).toBe("plain");
    planner.use({ "product 8x8": "narrow" });
    expect(pick(planner, "8x8", plans("wide", "plain"))).toBe("wide");
    expect(pick(planner)).toBe("narrow");
  });

  test("a forced plan that a shape does not have is refused with the list, unless another is named", () => {
    const planner = new Planner();
    planner.force({ product: "tall" });
    expect(() => pick(planner)).toThrow(
      'product 8x8: no plan "tall" for this shape; there are: wide, narrow, plain',
    );
    planner.force({ product: ["tall", "narrow"] });
    expect(pick(planner)).toBe("narrow");
    expect(() => pick(planner, "8x8", plans("wide"))).toThrow(
      'no plan "tall" or "narrow" for this shape; there are: wide',
    );
    expect(() => planner.force({ product: [] })).toThrow("plans: product names no plan");
  });

  test("other measurements can be borrowed and given back", () => {
    const planner = new Planner();
    planner.use({ "product 8x8": "plain" });
    {
      using _ = planner.borrow({ "product 8x8": "narrow" });
      expect(pick(planner)).toBe("narrow");
      expect(planner.choices).toEqual({ "product 8x8": "narrow" });
    }
    expect(pick(planner)).toBe("plain");
  });

  test("what was asked for is listed once, in the order of its first appearance", () => {
    const planner = new Planner();
    let made = 0;
    const trial = () => {
      made++;
      return { inputs: [], flops: 1, depth: 1, run: () => undefined as never };
    };
    for (const key of ["b", "a", "b"]) planner.choose("product", key, three, trial);
    planner.choose("sum", "a", plans("plain"));
    expect(planner.seen.map(({ op, key }) => `${op} ${key}`)).toEqual([
      "product b",
      "product a",
      "sum a",
    ]);
    expect(made).toBe(2);
    expect(planner.seen[0]?.plans).toBe(three);
    expect(planner.seen[2]?.trial).toBeUndefined();
  });

  test("names from a file that mean something to JavaScript are only names", () => {
    const planner = new Planner();
    planner.use(JSON.parse('{"__proto__": "narrow", "constructor x": "narrow"}'));
    expect(planner.choose("constructor", "x", three).name).toBe("narrow");
    expect(planner.choose("toString", "", three).name).toBe("wide");
  });

  test("counts fall into classes of powers of two", () => {
    expect([0, 1, 2, 3, 8, 9, 1023, 1024, 1025].map(countClass)).toEqual([
      1, 1, 2, 4, 8, 16, 1024, 1024, 2048,
    ]);
  });
});

describe("the text of a table", () => {
  const adapter = { name: "a", vendor: "b", architecture: "", driver: "c", abilities: "f16" };
  const good = {
    format: "tensorloupe plans",
    generation: 1,
    adapter,
    choices: { "product 8x8": "narrow" },
  };
  const text = (change: object) => JSON.stringify({ ...good, ...change });

  test("is read back as it was written", () => {
    expect(parsePlanTable("t.json", text({}))).toEqual(good);
  });

  test.each([
    ["[1, 2", /^t\.json: is not JSON: /],
    ["[]", /is no table of plans \("format" must be "tensorloupe plans"\); make it again with/],
    ["null", /is no table of plans/],
    [text({ format: "other" }), /is no table of plans/],
    [text({ generation: "1" }), /"generation" must be a whole number/],
    [text({ adapter: { ...adapter, driver: 5 } }), /"adapter\.driver" must be a text/],
    [text({ adapter: null }), /"adapter\.name" must be a text/],
    [text({ choices: undefined }), /"choices" is missing/],
    [text({ choices: ["narrow"] }), /"choices" must be an object/],
    [text({ choices: { a: 5 } }), /choice "a" names no plan/],
    [text({ choices: { a: "" } }), /choice "a" names no plan/],
    [text({ choices: { a: "\u001b[2J" } }), /choice "a" names no plan/],
    [text({ choices: { a: "b  c" } }), /choice "a" names no plan/],
    [text({ choices: { a: " b" } }), /choice "a" names no plan/],
    [text({ choices: { "a\n": "b" } }), /choice "a\\n" names no plan/],
    [
      text({
        choices: Object.fromEntries(Array.from({ length: 4097 }, (_, i) => [`p ${i}`, "x"])),
      }),
      /has 4097 choices, at most 4096 are read/,
    ],
    [`{"a": "${"x".repeat(2 ** 20)}"}`, /is no table of plans: it has 1048585 characters/],
  ])("is refused when it is something else: %.40s", (json, message) => {
    expect(() => parsePlanTable("t.json", json)).toThrow(message);
  });
});
