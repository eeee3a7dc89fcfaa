"""Near-duplicate clusters of texts, for rules, splits and statistics. Knows texts and row numbers, not files."""

from audit.clusters.builder import NearBuilder
from audit.clusters.result import NearCluster, NearClusters
from audit.clusters.settings import NearSettings
from audit.clusters.template import find_template

__all__ = ["NearBuilder", "NearCluster", "NearClusters", "NearSettings", "find_template"]
