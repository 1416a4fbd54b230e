/** Tests for NaN by its bits: compilers may fold `x != x` away, and what exp and log give for NaN is left to the implementation. */
import { wgsl } from "../gpu/kernel.ts";

export const isNanWgsl = wgsl`
    fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }`;

/** Of each component. */
export const areNanWgsl = wgsl`
    fn are_nan(x: vec4f) -> vec4<bool> { return (bitcast<vec4u>(x) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u); }`;
