"""Evidence that an outsider can check, without us and without our software.

``keys`` makes Ed25519 keys, ``envelope`` signs and opens in-toto statements in DSSE, ``chain`` numbers the runs of a
workspace, ``register`` signs what a run will do before it does it, ``bag`` lays out a BagIt folder, ``seal`` makes and
signs one, ``verify`` names everything that is wrong with one, ``approve`` and ``redact`` add to one. ``verify.sh`` and
``VERIFY.md`` ride in each bag.

What a signature does not prove is said in each bag (``envelope.NOT_PROVED``). Formats: BagIt 1.0 (RFC 8493), in-toto
Statement v1, DSSE v1, Ed25519 (RFC 8032).
"""
