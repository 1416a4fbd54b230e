/**
 * Reports the first NaN or infinity of a tensor as a fault.
 *
 * Elements are read as words, so that no compiler sees floats of which it may assume that they're finite. Lanes side by side each
 * look for their first; one workgroup then takes the lowest, since faults are written without atomics.
 */
import type { BufferView } from "../gpu/buffers.ts";
import type { Device } from "../gpu/device.ts";
import { kernel, wgsl } from "../gpu/kernel.ts";

const mostLanes = 4096;

/** For each lane the index of its first element that isn't finite, n if there is none. */
export const nonFiniteLanes = kernel("non_finite_lanes", {
  read: { x: "u32" },
  write: { first: "u32" },
  params: { n: "u32", lanes: "u32" },
  threads: ({ lanes }) => lanes,
  body: wgsl`
    if (i >= params.lanes) { return; }
    var found = params.n;
    for (var k = i; k < params.n; k += params.lanes) {
      if ((x[k] & 0x7f800000u) == 0x7f800000u) { found = k; break; }
    }
    first[i] = found;`,
});

/** Writes the fault (code, site, index, bits) unless there is one already. */
export const nonFiniteFault = kernel("non_finite_fault", {
  read: { x: "u32", first: "u32" },
  update: { faults: "u32" },
  params: { n: "u32", lanes: "u32", fault: "u32", site: "u32" },
  groups: () => 1,
  body: wgsl`
    if (lane > 0u || faults[0] != 0u) { return; }
    var found = params.n;
    for (var k = 0u; k < params.lanes; k++) { found = min(found, first[k]); }
    if (found >= params.n) { return; }
    faults[0] = params.fault;
    faults[1] = params.site;
    faults[2] = found;
    faults[3] = x[found];`,
});

/** @param n elements of x @param site what the fault's message is to name */
export function reportNonFinite(device: Device, x: BufferView, n: number, fault: number, site: number): void {
  const lanes = Math.min(n, mostLanes);
  const first = device.allocate(4 * lanes, "first non-finite");
  nonFiniteLanes(device, { x, first, n, lanes });
  nonFiniteFault(device, { x, first, faults: device.faults.view, n, lanes, fault, site });
  device.release(first);
}
