/** `nn`: modules, layers, initial values, models. @module */
export { LeakyReLU, Sigmoid, SiLU, Tanh } from "./activations.ts";
export { fromChainer } from "./chainer.ts";
export * as init from "./init.ts";
export {
  type Initializer,
  leCunNormal,
  normal,
  ones,
  type SeedOptions,
  uniform,
  zeros,
} from "./init.ts";
export {
  BatchNorm,
  type BatchNormForwardOptions,
  type BatchNormLayerOptions,
  Conv2d,
  type Conv2dLayerOptions,
  Dropout,
  type DropoutLayerOptions,
  Flatten,
  GELU,
  type Layer,
  Linear,
  type LinearOptions,
  MaxPool2d,
  ReLU,
  Sequential,
} from "./layers.ts";
export { type Mlp, type MlpOptions, mlp } from "./models/mlp.ts";
export type { ImageInput } from "./models/options.ts";
export { type ResNet, type ResNetOptions, resnet20 } from "./models/resnet.ts";
export { type Vgg, type VggOptions, vgg } from "./models/vgg.ts";
export { type VggFast, type VggFastOptions, vggFast } from "./models/vgg-fast.ts";
export { buffer, type ForwardOptions, Module, parameter } from "./module.ts";
export { type WeightsAndBiases, weightsAndBiases } from "./parameter-groups.ts";
export { AdaptiveAvgPool2d, AvgPool2d, GlobalAvgPool2d } from "./pooling.ts";
export { fromPyTorch, type PyTorchOptions, type PyTorchState, toPyTorch } from "./pytorch.ts";
export {
  decodeSafetensors,
  type EncodeSafetensorsOptions,
  encodeSafetensors,
  type SafetensorsContent,
  type SafetensorsInput,
  type SafetensorsTensor,
} from "./safetensors.ts";
export type { SafetensorsType } from "./safetensors-dtypes.ts";
export { SafetensorsError } from "./safetensors-error.ts";
export type { StateDict, StateValue, StateValues } from "./state.ts";
export type { Summary, SummaryRow } from "./summary.ts";
export { type WhiteningOptions, whitening } from "./whitening.ts";
