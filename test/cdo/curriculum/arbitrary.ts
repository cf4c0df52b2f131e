/** Any schedule that makes sense, but `constant`. */
import fc from "fast-check";
import type { ScheduleConfig } from "../../../src/cdo/curriculum/schedule.ts";

export const unit = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const ramp = { a: unit(0.01, 1.6), b: unit(0, 1) };
const flat = (name: string, rest: object) => fc.record({ name: fc.constant(name), ...rest });
const leaps = { b: unit(0.001, 1), inc: unit(1.01, 4) };
const lengths = fc.array(unit(0.01, 0.5), { minLength: 1, maxLength: 6 });
export const anySchedule = fc.oneof(
  flat("linear", ramp),
  flat("cosine", ramp),
  flat("quad", ramp),
  flat("polynomial", { ...ramp, p: unit(0.1, 8) }),
  flat("root", { ...ramp, p: unit(0.1, 8) }),
  flat("exponential", { ...ramp, c: unit(0.1, 50) }),
  flat("logarithmic", { ...ramp, c: unit(0.1, 50) }),
  flat("step", ramp),
  flat("step", { ...ramp, k: fc.integer({ min: 2, max: 200 }), p: unit(0.2, 4) }),
  flat("competence", { a: ramp.a, b: unit(0.001, 1), p: unit(0.5, 4) }),
  flat("geometric", { a: ramp.a, b: unit(0.001, 1) }),
  flat("fixed-exponential", { ...leaps, every: unit(0.01, 1) }),
  flat("varied-exponential", { ...leaps, lengths }),
) as unknown as fc.Arbitrary<ScheduleConfig & { a: number; b: number }>;
