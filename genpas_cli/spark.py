"""genpas on Spark, for logs that are too large to sort on one machine: `pip install 'genpas[spark]'`.

from genpas_cli.spark import augment

augment(spark.table("shop.events"), "/lake/shop.pairs", order=["event_id"])
"""

from __future__ import annotations

from genpas_cli.augment.spark_job import augment_by_spark as augment

__all__ = ["augment"]
