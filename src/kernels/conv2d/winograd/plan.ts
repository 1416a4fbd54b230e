/** One convolution by one of Winograd's algorithms: the sizes of its matrices, and the parameters of its transforms. */
import type { PanelStrides } from "../../gemm/panels.ts";
import { type Conv2dShape, outputExtents } from "../shape.ts";
import { type TileAlgorithm, tileCounts } from "./algorithm.ts";

/** Tiles whose products are added one after the other; longer sums are split. */
const longestChain = 2048;

/** A matrix in panels for each point of a tile; panels of `4 lanes` columns, of channels. */
export interface PanelMatrix {
  readonly rows: number;
  readonly panels: number;
}

export class WinogradPlan {
  readonly lanes: number;
  readonly shape: Conv2dShape;
  readonly algorithm: TileAlgorithm;
  /** vec4s of input channels and of output channels. */
  readonly inputs: number;
  readonly outputs: number;
  /** Rows are tiles: of x and dx, of y and dy. */
  readonly x: PanelMatrix;
  readonly y: PanelMatrix;
  /** Rows are output channels. */
  readonly weight: PanelMatrix;
  /** Sums over tiles are split into so many. */
  readonly splits: number;

  constructor(lanes: number, shape: Conv2dShape, algorithm: TileAlgorithm) {
    this.lanes = lanes;
    this.shape = shape;
    this.algorithm = algorithm;
    this.inputs = shape.ci / 4;
    this.outputs = shape.co / 4;
    const [tilesY, tilesX] = tileCounts(algorithm, shape);
    const tiles = shape.n * tilesY * tilesX;
    const wholePanels = (rows: number) => Math.ceil(rows / (4 * lanes)) * 4 * lanes;
    const panels = (quads: number) => Math.ceil(quads / lanes);
    this.x = { rows: wholePanels(tiles), panels: panels(this.inputs) };
    this.y = { rows: wholePanels(tiles), panels: panels(this.outputs) };
    this.weight = { rows: wholePanels(4 * this.outputs), panels: panels(this.inputs) };
    this.splits = Math.ceil(tiles / longestChain);
  }

  /** Points of a tile, in both directions. */
  get points(): number {
    return this.algorithm.points ** 2;
  }

  bytes(matrix: PanelMatrix): number {
    return this.points * this.#count(matrix) * 16;
  }

  strides(matrix: PanelMatrix): PanelStrides {
    return { row: this.lanes, panel: matrix.rows * this.lanes, point: this.#count(matrix) };
  }

  get transform() {
    return { lanes: this.lanes, algorithm: this.algorithm };
  }

  /** Parameters of the transforms of x and dx. */
  get input() {
    const { n, h, w, paddingH, paddingW } = this.shape;
    const { firstInput } = this.algorithm;
    const origin = { top: firstInput - paddingH, left: firstInput - paddingW };
    return { n, h, w, quads: this.inputs, ...origin, ...this.#tiles, ...this.#extents(this.x) };
  }

  /** Parameters of the transforms of y and dy. */
  get output() {
    const { ho: h, wo: w } = outputExtents(this.shape);
    const image = { n: this.shape.n, h, w, quads: this.outputs, top: 0, left: 0 };
    return { ...image, ...this.#tiles, ...this.#extents(this.y) };
  }

  /** Parameters of the transforms of weights and their gradient. */
  get filter() {
    return { channels: this.shape.co, quads: this.inputs, ...this.#extents(this.weight) };
  }

  get #tiles() {
    const [tilesY, tilesX] = tileCounts(this.algorithm, this.shape);
    return { tilesY, tilesX };
  }

  #extents(matrix: PanelMatrix) {
    return { rows: matrix.rows, count: this.#count(matrix) };
  }

  /** vec4s of one point's matrix. */
  #count({ rows, panels }: PanelMatrix): number {
    return rows * panels * this.lanes;
  }
}
