"""Sets of structures, one file a set: records out of local files; no network is needed to load or read them."""

from erlangen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "QM9_TARGETS": "qm9",
        "Target": "qm9",
        "load_charged_particles": "charged_particles",
        "load_many_particles": "many_particles",
        "MANY_PARTICLES": "many_particles",
        "ManyParticles": "many_particles",
        "load_qm9": "qm9",
        "qm9_bonds": "qm9",
    },
)
