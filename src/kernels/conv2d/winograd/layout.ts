/** How the matrices of a point lie in memory, and what goes with it. */
import type { BufferView } from "../../../gpu/buffers.ts";
import type { Device } from "../../../gpu/device.ts";
import type { ProductForm } from "../../gemm/panel-product.ts";
import type { PointMatrix, WinogradPlan } from "./plan.ts";

export interface PointProduct {
  readonly plan: WinogradPlan;
  readonly form: ProductForm;
  /** Factors and result; all have the plan's points. */
  readonly views: readonly [a: BufferView, b: BufferView, y: BufferView];
  readonly matrices: readonly [a: PointMatrix, b: PointMatrix, y: PointMatrix];
}

export interface Layout {
  /** Elements of a row of a panel; whole rows where it's left out. */
  readonly lanes?: number;
  /** Channels of an element: 4 are a vec4. */
  readonly channels: 1 | 4;
  /** Whether an image is better read as texels. */
  suitsTexels(device: Device, image: BufferView): boolean;
  /** Encodes the product of every point's matrices. Sums over tiles come in the plan's splits, one after the other. */
  multiply(device: Device, product: PointProduct): void;
}
