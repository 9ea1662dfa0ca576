"""The colour of black bodies, and what a change of it does to sRGB values."""

from __future__ import annotations

import torch
from torch import Tensor

#: linear sRGB to CIE XYZ (IEC 61966-2-1)
_XYZ_OF_SRGB = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
#: CIE XYZ to the cone responses of Bradford (Lam 1985)
_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


def planckian(kelvin: float) -> tuple[float, float]:
    """CIE 1931 chromaticity (x, y) of a black body, 1667 to 25000 K: the cubic splines of Kim et al. 2002.

    Source: Y. Kim, B. Cho, B. Kang, D. Hong, patent US 7024034 B2; within 0.001 of Planck's law.
    """
    t = 1000.0 / kelvin
    if kelvin <= 4000:
        x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
    else:
        x = -3.0258469 * t**3 + 2.1070379 * t**2 + 0.2226347 * t + 0.240390
    if kelvin <= 2222:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif kelvin <= 4000:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    return x, y


def adaptation(origin: float, kelvin: float) -> Tensor:
    """[3, 3] float64 on linear sRGB: what is lit by a black body of `origin` K, lit by one of `kelvin` K instead.

    Von Kries gains in Bradford's cone space, at equal luminance of white:
    ``M = S^-1 B^-1 diag(B w' / B w) B S``, S from linear sRGB to XYZ, w and w' the two whites with Y = 1.
    """
    to_xyz = torch.tensor(_XYZ_OF_SRGB, dtype=torch.float64)
    bradford = torch.tensor(_BRADFORD, dtype=torch.float64)
    cones = bradford @ to_xyz
    gains = (bradford @ _white(kelvin)) / (bradford @ _white(origin))
    adapted: Tensor = torch.linalg.solve(cones, gains[:, None] * cones)
    return adapted


def _white(kelvin: float) -> Tensor:
    x, y = planckian(kelvin)
    return torch.tensor([x / y, 1.0, (1.0 - x - y) / y], dtype=torch.float64)
