/** For each lane the first of its elements, `lane`, `lane + lanes`, ..., that isn't finite; the count if there is none. */
export function nonFiniteLanesReference(x: ArrayLike<number>, lanes: number): Float64Array {
  return Float64Array.from({ length: lanes }, (_, lane) => {
    for (let k = lane; k < x.length; k += lanes) if (!Number.isFinite(x[k])) return k;
    return x.length;
  });
}

/** The words after the kernel, from those before; bits of NaN are those of the canonical one. */
export function nonFiniteFaultReference(
  x: ArrayLike<number>,
  faults: ArrayLike<number>,
  { fault, site }: { readonly fault: number; readonly site: number },
): Float64Array {
  const at = Array.from(x).findIndex((value) => !Number.isFinite(value));
  if (at < 0 || faults[0] !== 0) return Float64Array.from(faults);
  const [bits = 0] = new Uint32Array(Float32Array.of(x[at] ?? 0).buffer);
  return Float64Array.of(fault, site, at, bits);
}
