"""Reading and writing: corpora and JSON, atomically, with content digests. The one home of file formats."""

from pairforge.files.digests import digest_path, digest_source
from pairforge.files.reading import open_frames, read_frame, read_frames, source_exists
from pairforge.files.slices import Rows
from pairforge.files.sources import default_output
from pairforge.files.writing import atomic_path, read_json, type_fault, write_frame, write_json

__all__ = [
    "Rows",
    "atomic_path",
    "default_output",
    "digest_path",
    "digest_source",
    "open_frames",
    "read_frame",
    "read_frames",
    "read_json",
    "source_exists",
    "type_fault",
    "write_frame",
    "write_json",
]
