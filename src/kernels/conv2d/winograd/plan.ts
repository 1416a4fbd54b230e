/** One convolution by one of Winograd's algorithms: the sizes of its matrices, and the parameters of its transforms. */
import type { PanelStrides } from "../../gemm/panel-product.ts";
import { type Conv2dShape, outputExtents } from "../shape.ts";
import { type TileAlgorithm, tileCounts } from "./algorithm.ts";
import type { Layout } from "./layout.ts";

/** Tiles whose products are added one after the other; longer sums are split. */
const longestChain = 2048;
/** Bindings begin at multiples of so many bytes. */
const bindingAlignment = 256;

/** A matrix for each point of a tile: panels of `lanes` elements of channels. Whole rows are one panel. */
export interface PointMatrix {
  readonly rows: number;
  readonly panels: number;
  readonly lanes: number;
}

export class WinogradPlan {
  readonly layout: Layout;
  readonly shape: Conv2dShape;
  readonly algorithm: TileAlgorithm;
  /** Elements of a pixel's input channels and of its output channels: vec4s in panels, single channels in whole rows. */
  readonly inputs: number;
  readonly outputs: number;
  /** Rows are tiles: of x and dx, of y and dy. */
  readonly x: PointMatrix;
  readonly y: PointMatrix;
  /** Rows are output channels. */
  readonly weight: PointMatrix;
  /** Sums over tiles are split into so many. In whole rows, the products split them themselves. */
  readonly splits: number;

  constructor(layout: Layout, shape: Conv2dShape, algorithm: TileAlgorithm) {
    this.layout = layout;
    this.shape = shape;
    this.algorithm = algorithm;
    const { lanes, channels } = layout;
    this.inputs = shape.ci / channels;
    this.outputs = shape.co / channels;
    const [tilesY, tilesX] = tileCounts(algorithm, shape);
    const tiles = shape.n * tilesY * tilesX;
    const matrix = (rows: number, width: number): PointMatrix => {
      if (lanes === undefined) return { rows, panels: 1, lanes: width };
      return { rows: Math.ceil(rows / (4 * lanes)) * 4 * lanes, panels: Math.ceil(width / lanes), lanes };
    };
    this.x = matrix(tiles, this.inputs);
    this.y = matrix(tiles, this.outputs);
    this.weight = matrix(shape.co, this.inputs);
    this.splits = lanes === undefined ? 1 : Math.ceil(tiles / longestChain);
  }

  /** Points of a tile, in both directions. */
  get points(): number {
    return this.algorithm.points ** 2;
  }

  /** Of all points. Up to a place where a binding can begin, since the sums of a batch's parts follow one another. */
  bytes(matrix: PointMatrix): number {
    const bytes = this.points * this.#count(matrix) * this.layout.channels * 4;
    return Math.ceil(bytes / bindingAlignment) * bindingAlignment;
  }

  strides(matrix: PointMatrix): PanelStrides {
    const { rows, lanes } = matrix;
    return { row: lanes, panel: rows * lanes, point: this.#count(matrix) };
  }

  get transform() {
    return { lanes: this.layout.lanes, algorithm: this.algorithm };
  }

  /** Parameters of the transforms of x and dx. */
  get input() {
    const { n, h, w, paddingH, paddingW } = this.shape;
    const { firstInput } = this.algorithm;
    const origin = { top: firstInput - paddingH, left: firstInput - paddingW };
    return { n, h, w, width: this.inputs, ...origin, ...this.#tiles, ...this.#extents(this.x) };
  }

  /** Parameters of the transforms of y and dy. */
  get output() {
    const { ho: h, wo: w } = outputExtents(this.shape);
    const image = { n: this.shape.n, h, w, width: this.outputs, top: 0, left: 0 };
    return { ...image, ...this.#tiles, ...this.#extents(this.y) };
  }

  /** Parameters of the transforms of weights and their gradient. */
  get filter() {
    return { channels: this.shape.co, width: this.inputs, ...this.#extents(this.weight) };
  }

  get #tiles() {
    const [tilesY, tilesX] = tileCounts(this.algorithm, this.shape);
    return { tilesY, tilesX };
  }

  #extents(matrix: PointMatrix) {
    return { rows: matrix.rows, lanes: matrix.lanes, count: this.#count(matrix) };
  }

  /** Elements of one point's matrix. */
  #count({ rows, panels, lanes }: PointMatrix): number {
    return rows * panels * lanes;
  }
}
