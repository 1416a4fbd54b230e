/** Tile shapes of the subgroup convolutions: which generated kernel serves which layer. */
import type { Correlation } from "./correlation.ts";

/** Whether a kernel reads as texels what several of its workgroups read: see `gpu/texels.ts`. */
export interface Reading {
  readonly texels: boolean;
}

/** A lane holds `strips` strips of `width` output pixels, and `vector` channels of each pixel of its subgroup. */
export interface CorrelationTile {
  readonly lanes: number;
  readonly width: number;
  readonly strips: number;
  /** Kw, where a strip's pixels are loaded once for a whole row of taps; 1 where each tap loads its own. */
  readonly taps: number;
  readonly vector: 2 | 4;
  /** A strip is a whole row, and this many columns of padding on either side are known to be zero; -1 otherwise. */
  readonly rowPadding: number;
}

/** A lane holds `width` output pixels in a row, and `quads` vec4s of channels of each. */
export interface NarrowTile {
  readonly lanes: number;
  readonly width: number;
  /** Kw. */
  readonly taps: number;
  readonly quads: 1 | 2 | 4;
}

/** A lane holds `taps` horizontal taps of `channels` output channels, and adds up `rows` rows of `width` output pixels a step. */
export interface WeightGradTile {
  readonly lanes: number;
  /** Lanes that share their pixels, and have a column each: all of them, or four. Teams take a split each. */
  readonly team: number;
  readonly channels: number;
  readonly width: number;
  readonly rows: number;
  readonly taps: number;
  /** As in `CorrelationTile`. */
  readonly rowPadding: number;
}

const roundUp = (value: number, multiple: number) => Math.ceil(value / multiple) * multiple;

/** GFLOP/s measured for each strip width, where taps share loads and where they don't: what a wasted column is weighed against. */
const sharedSpeeds = [
  [8, 60],
  [4, 56],
  [2, 50],
  [1, 42],
] as const;
const singleSpeeds = [
  [4, 48],
  [2, 44],
  [1, 40],
] as const;
const mostTaps = 7;

/** The strip width that wastes least, weighed by speed, at about 64 pixels a workgroup (32 where taps don't share loads). */
export function chooseCorrelationTile(lanes: number, shape: Correlation): CorrelationTile {
  const { n, wi, ho, wo, channels, kw, padX, inStride, outStride } = shape;
  const isShared = inStride === 1 && outStride === 1 && kw > 1 && kw <= mostTaps;
  const fillsHalf = roundUp(channels, 2 * lanes) <= 0.67 * roundUp(channels, 4 * lanes);
  const columns = Math.ceil(wo / outStride);
  let width = 1;
  let best = 0;
  for (const [candidate, speed] of isShared ? sharedSpeeds : singleSpeeds) {
    const useful = (speed * columns) / roundUp(columns, candidate);
    if (candidate * lanes > 64 || useful <= best) continue;
    width = candidate;
    best = useful;
  }
  const allStrips = Math.ceil(ho / outStride) * Math.ceil(columns / width) * n;
  const mostStrips = Math.floor((isShared ? 64 : 32) / (lanes * width));
  const isRow = isShared && width === wo && wi === wo && kw === 2 * padX + 1;
  return {
    lanes,
    width,
    // All or one, not what just suffices: a kernel for every batch size would have to be compiled.
    strips: allStrips > (lanes * mostStrips) / 2 ? Math.max(1, mostStrips) : 1,
    taps: isShared ? kw : 1,
    vector: fillsHalf ? 2 : 4,
    rowPadding: isRow ? padX : -1,
  };
}

/** The tile for few channels, where the taps of a row can share what they load and the image fills most of it. */
export function chooseNarrowTile(lanes: number, shape: Correlation): NarrowTile | undefined {
  const { wo, channels, kw, inStride, outStride } = shape;
  const isShared = inStride === 1 && outStride === 1 && kw > 1 && kw <= 5;
  const width = roundUp(wo, 8) > roundUp(wo, 4) ? 4 : 8;
  if (!isShared || channels > 32 || wo < 0.75 * roundUp(wo, width)) return undefined;
  const quads = channels <= 4 ? 1 : channels <= 8 ? 2 : 4;
  return { lanes, width, taps: kw, quads };
}

/** A team of lanes holds a strip of `width` output pixels, a vec4 of channels a lane. */
export interface ResidentTile {
  readonly lanes: number;
  /** Lanes that share a strip: all of them, or four. */
  readonly team: number;
  readonly kh: number;
  readonly kw: number;
  /** Input channels in vec4s. */
  readonly depth: number;
  readonly width: number;
  /** The input gradient's weights. */
  readonly turned: boolean;
}

/** Vec4s of taps and channels, times pixels of a strip, whose products are as much code as fits the cache. */
const mostResident = 72;

/** The tile whose weights stay in registers. */
export function chooseResidentTile(
  lanes: number,
  shape: Correlation,
  turned: boolean,
): ResidentTile | undefined {
  const { wo, channels, depth, kh, kw, inStride, outStride } = shape;
  const steps = kh * kw * depth;
  if (inStride > 1 || outStride > 1 || steps > mostResident || channels <= 8) return undefined;
  const width = Math.min(8, wo, Math.floor(mostResident / steps));
  return { lanes, team: teamOf(lanes, channels), kh, kw, depth, width, turned };
}

/** Lanes that keep the weights of a vec4 of output channels each. */
export const teamOf = (lanes: number, channels: number): number => (channels <= 16 ? 4 : lanes);

/** Workgroups that keep the cores busy, where each loads all weights of its channels. */
const residentGroups = 32;

/** What a workgroup gets where weights stay in registers: one of the `blocks` of output channels, and `share` rows of pixels or tiles. */
export function spreadRows(
  rows: number,
  channels: number,
  { lanes, team }: { readonly lanes: number; readonly team: number },
): { readonly blocks: number; readonly share: number } {
  const teams = lanes / team;
  const blocks = Math.ceil(channels / (4 * team));
  return { blocks, share: Math.ceil(rows / Math.ceil(residentGroups / blocks) / teams) * teams };
}

/** A lane holds a vec4 of output channels by all taps of `inner` input channels, and adds up `width` pixels a step. */
export interface NarrowWeightGradTile {
  readonly lanes: number;
  /** Lanes that share a row: all of them, or four. */
  readonly team: number;
  readonly kh: number;
  readonly kw: number;
  readonly inner: number;
  readonly width: number;
}

interface WeightGradShape {
  /** Input and output channels in vec4s. */
  readonly inputs: number;
  readonly outputs: number;
  readonly kh: number;
  readonly kw: number;
  readonly wi: number;
  readonly wo: number;
  readonly padX: number;
  readonly stride: number;
}

export function chooseWeightGradTile(lanes: number, shape: WeightGradShape): WeightGradTile {
  const { inputs, outputs, kh, kw, wi, wo, padX, stride } = shape;
  const isSingle = stride > 1 || kw === 1;
  const taps = isSingle ? 1 : kw % 3 !== 0 && kw % 2 === 0 ? 2 : 3;
  const width = wo >= 3 ? 4 : wo;
  const columns = kh * Math.ceil(kw / taps) * inputs;
  const isRow = !isSingle && taps === kw && width === wo && wi === wo && kw === 2 * padX + 1;
  return {
    lanes,
    // Teams load a dy each: worth it where a fifth of the lanes would have no column.
    team: roundUp(columns, 4) <= 0.8 * roundUp(columns, lanes) ? 4 : lanes,
    channels: outputs <= 2 ? 8 : 16,
    width,
    rows: wo >= 3 ? 1 : wo === 2 ? 2 : 4,
    taps,
    rowPadding: isRow ? padX : -1,
  };
}

/** The tile for images of up to four channels, where the taps fit the registers and rows are wide. */
export function chooseNarrowWeightGradTile(
  lanes: number,
  { kh, kw, wo, outputs, stride }: WeightGradShape,
  ci: number,
): NarrowWeightGradTile | undefined {
  const width = 8;
  const fills = wo >= 0.75 * roundUp(wo, width);
  if (ci > 4 || stride > 1 || kh * kw > 9 || !fills || outputs <= 2) return undefined;
  return { lanes, team: outputs <= 4 ? 4 : lanes, kh, kw, inner: ci, width };
}
