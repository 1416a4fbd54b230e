/**
 * max(x, 0) that keeps NaN, and -0: by x's bits. Of `select(x, 0, x < 0)` compilers make a maximum, and a GPU's maximum of NaN and 0 is 0 (seen on an
 * H200: ReLU hid that a training had diverged).
 */
import { wgsl } from "../gpu/kernel.ts";

const bits = { quad: "vec4u", scalar: "u32" } as const;

/** WGSL of `positive_part(x)`. Numbers below zero have bits from 0x80000001 to 0xff800000. */
export const positivePartWgsl = (cell: keyof typeof bits) => wgsl`
    fn positive_part(x: ${cell}) -> ${cell} {
      return select(x, ${cell}(0), bitcast<${bits[cell]}>(x) - ${bits[cell]}(0x80000001u) <= ${bits[cell]}(0x7f7fffffu));
    }`;
