/** A file or archive that isn't the data set it should be. The message names the file, what was expected, and what to do. */
export class DatasetError extends Error {
  override readonly name = "DatasetError";
}
