"""How the estimators of topology draw what they return; needs plotly, which is loaded when something is drawn."""

import numpy as np

from erlangen import plotting
from erlangen.errors import InputError


class PlotterMixin:
    """For estimators with ``plot(Xt, sample=0, ...)``, which returns a figure of one sample of what they return."""

    def transform_plot(self, X, sample=0, **plot_params):
        """Transform one sample, show its figure, and return it as a collection of one.

        Parameters
        ----------
        X : collection of samples
        sample : int
            Which one.
        **plot_params
            Further arguments of ``plot``.
        """
        if not isinstance(sample, int | np.integer) or not 0 <= sample < len(X):
            raise InputError(f"sample is a whole number from 0 to {len(X) - 1}, got {sample!r}")
        Xt = self.transform(X[sample : sample + 1])
        self.plot(Xt, sample=0, **plot_params).show()
        return Xt

    def fit_transform_plot(self, X, y=None, sample=0, **plot_params):
        """Fit to all samples, then transform and show one, as `transform_plot` does."""
        return self.fit(X, y).transform_plot(X, sample=sample, **plot_params)


class DiagramPlots(PlotterMixin):
    """For estimators that return persistence diagrams."""

    @staticmethod
    def plot(Xt, sample=0, homology_dimensions=None, plotly_params=None):
        """Draw one of the diagrams (n_samples, n_bars, 3), as `erlangen.plotting.plot_diagram` does."""
        return plotting.plot_diagram(Xt[sample], homology_dimensions, plotly_params)


class ImagePlots(PlotterMixin):
    """For estimators that return images."""

    @staticmethod
    def plot(Xt, sample=0, colorscale="greys", origin="upper", plotly_params=None):
        """Draw one of the images (n_samples, height, width), as `erlangen.plotting.plot_heatmap` does."""
        return plotting.plot_heatmap(Xt[sample], colorscale=colorscale, origin=origin, plotly_params=plotly_params)


class MatrixPlots(PlotterMixin):
    """For estimators that return matrices of distances."""

    @staticmethod
    def plot(Xt, sample=0, colorscale="blues", plotly_params=None):
        """Draw one of the matrices (n_samples, n, n), as `erlangen.plotting.plot_heatmap` does."""
        return plotting.plot_heatmap(Xt[sample], colorscale=colorscale, plotly_params=plotly_params)


class CloudPlots(PlotterMixin):
    """For estimators that return point clouds."""

    @staticmethod
    def plot(Xt, sample=0, plotly_params=None):
        """Draw one of the clouds (n_samples, n_points, d), as `erlangen.plotting.plot_point_cloud` does."""
        return plotting.plot_point_cloud(Xt[sample], plotly_params=plotly_params)


class CurvePlots(PlotterMixin):
    """For estimators that return curves over a grid for each homology dimension, ``samplings_``."""

    _height = ""

    def plot(self, Xt, sample=0, homology_dimensions=None, plotly_params=None):
        """Draw the curves of one sample.

        Parameters
        ----------
        Xt : (n_samples, n_curves, n_bins) array
            As many curves for each homology dimension.
        sample : int
            Which sample.
        homology_dimensions : sequence, optional
            Which dimensions to draw; all by default.
        plotly_params : dict, optional
            As in `erlangen.plotting.plot_point_cloud`.
        """
        known = list(self.samplings_)
        layers = np.asarray(Xt)[sample].reshape(len(known), -1, np.shape(Xt)[-1])
        curves = {}
        for q in known if homology_dimensions is None else homology_dimensions:
            if q not in known:
                raise InputError(f"homology_dimensions are among {known}, got {q!r}")
            for k, values in enumerate(layers[known.index(q)], start=1):
                name = plotting.dimension_name(q) + (f", layer {k}" if layers.shape[1] > 1 else "")
                curves[name] = self.samplings_[q], values
        return plotting.plot_lines(curves, "filtration value", self._height, plotly_params=plotly_params)


class PixelPlots(PlotterMixin):
    """For estimators that return an image for each homology dimension, on grids in ``samplings_``."""

    _vertical = ""

    def plot(self, Xt, sample=0, homology_dimension_idx=0, colorscale="blues", plotly_params=None):
        """Draw the image of one homology dimension of one sample.

        Parameters
        ----------
        Xt : (n_samples, n_dimensions, n_bins, n_bins) array
        sample : int
            Which sample.
        homology_dimension_idx : int
            Which dimension: its place among ``homology_dimensions_``.
        colorscale : str or list
            One of plotly's.
        plotly_params : dict, optional
            As in `erlangen.plotting.plot_point_cloud`.
        """
        dimension = self.homology_dimensions_[homology_dimension_idx]
        x, y = np.broadcast_to(self.samplings_[dimension], (2, np.shape(Xt)[-1]))
        return plotting.plot_heatmap(
            Xt[sample][homology_dimension_idx],
            x=x if x[0] < x[-1] else None,  # pixels without width cannot be drawn to scale
            y=y[::-1] if y[0] < y[-1] else None,
            colorscale=colorscale,
            origin="lower" if y[0] < y[-1] else "upper",
            title=plotting.dimension_name(dimension),
            plotly_params=plotly_params,
            x_title="birth",
            y_title=self._vertical,
        )


class ChannelPlots(PlotterMixin):
    """For estimators that return curves in channels."""

    @staticmethod
    def plot(Xt, sample=0, channels=None, plotly_params=None):
        """Draw the channels of one sample.

        Parameters
        ----------
        Xt : (n_samples, n_channels, n_bins) array
        sample : int
            Which sample.
        channels : sequence of int, optional
            Which channels; all by default.
        plotly_params : dict, optional
            As in `erlangen.plotting.plot_point_cloud`.
        """
        values = np.asarray(Xt)[sample]
        shown = range(len(values)) if channels is None else channels
        curves = {f"channel {c}": (np.arange(values.shape[1]), values[c]) for c in shown}
        return plotting.plot_lines(curves, "bin", "value", plotly_params=plotly_params)
