/** The cases of every kernel family: tests and benchmarks loop over this list. */
import { activationCases } from "./activations.cases.ts";
import { adamCases } from "./adam.cases.ts";
import { augmentCases, translateCases } from "./augment.cases.ts";
import { averagePoolCases } from "./average-pool.cases.ts";
import { batchNormCases } from "./batch-norm/batch-norm.cases.ts";
import { batchNormGeluCases } from "./batch-norm/batch-norm-gelu.cases.ts";
import { batchNormReluDropoutCases } from "./batch-norm/batch-norm-relu-dropout.cases.ts";
import { pooledBatchNormCases } from "./batch-norm/pooled.cases.ts";
import { biasCases } from "./bias.cases.ts";
import { binaryCases } from "./binary.cases.ts";
import { binaryCrossEntropyCases } from "./binary-cross-entropy.cases.ts";
import { boxCases } from "./box.cases.ts";
import type { KernelCase } from "./cases.ts";
import { channelSumCases } from "./channel-sum.cases.ts";
import { conv2dFamilyCases } from "./conv2d/conv2d.cases.ts";
import { conv2dResidentCases } from "./conv2d/resident.cases.ts";
import { conv2dWinogradInRegistersCases } from "./conv2d/subgroup-winograd.cases.ts";
import { crossEntropyCases, metricsCases } from "./cross-entropy.cases.ts";
import { dropoutCases } from "./dropout.cases.ts";
import { elementwiseCases } from "./elementwise.cases.ts";
import { finiteCases } from "./finite.cases.ts";
import { gatherCases } from "./gather.cases.ts";
import { geluCases } from "./gelu.cases.ts";
import { gemmCases } from "./gemm/gemm.cases.ts";
import { gradientNormCases } from "./gradient-norm.cases.ts";
import { lookaheadCases } from "./lookahead.cases.ts";
import { maxPoolCases } from "./max-pool.cases.ts";
import { movingAverageCases } from "./moving-average.cases.ts";
import { reduceCases } from "./reduce.cases.ts";
import { reluCases } from "./relu.cases.ts";
import { rngCases } from "./rng.cases.ts";
import { sgdCases } from "./sgd.cases.ts";
import { softmaxCases } from "./softmax.cases.ts";
import { transposeCases } from "./transpose.cases.ts";
import { powCases, unaryCases } from "./unary.cases.ts";
import { whereCases } from "./where.cases.ts";

export const allCases: readonly KernelCase[] = [
  ...activationCases,
  ...augmentCases,
  ...averagePoolCases,
  ...biasCases,
  ...binaryCases,
  ...binaryCrossEntropyCases,
  ...boxCases,
  ...channelSumCases,
  ...conv2dFamilyCases,
  ...conv2dResidentCases,
  ...conv2dWinogradInRegistersCases,
  ...elementwiseCases,
  ...finiteCases,
  ...gatherCases,
  ...geluCases,
  ...gemmCases,
  ...lookaheadCases,
  ...adamCases,
  ...gradientNormCases,
  ...movingAverageCases,
  ...reduceCases,
  ...reluCases,
  ...rngCases,
  ...sgdCases,
  ...batchNormCases,
  ...batchNormGeluCases,
  ...batchNormReluDropoutCases,
  ...pooledBatchNormCases,
  ...crossEntropyCases,
  ...metricsCases,
  ...dropoutCases,
  ...maxPoolCases,
  ...powCases,
  ...translateCases,
  ...softmaxCases,
  ...transposeCases,
  ...unaryCases,
  ...whereCases,
];
