"""``ssnbrian_standalone``: a fast standalone device for any Brian2 script; it needs nothing else of this package.

``import ssnbrian`` and ``brian2.set_device('ssnbrian_standalone')``; everything else stays as it is.
"""

from pathlib import Path

#: The folder of the headers that generated code includes.
INCLUDE_DIR = str(Path(__file__).resolve().parent)
